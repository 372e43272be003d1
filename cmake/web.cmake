# The browser application into BUILD/web, where zuoxid finds it: a built one (WEB_PREBUILT), else by npm where node >= 18 is there, else
# none: then the daemon serves the API only, and a page that says so. Sanitizer and fuzz builds leave it out.
set(ZX_WEB_DIR ${CMAKE_BINARY_DIR}/web)
set(zx_web_src ${CMAKE_SOURCE_DIR}/web)
if(ZX_SANITIZE OR ZX_FUZZ)
	set(zx_web_default OFF)
else()
	set(zx_web_default ON)
endif()
option(ZX_WEB "Build the browser application" ${zx_web_default})

if(WEB_PREBUILT)
	file(GLOB_RECURSE zx_web_files CONFIGURE_DEPENDS ${WEB_PREBUILT}/*)
	set(zx_web_args ${WEB_PREBUILT} - ${ZX_WEB_DIR} --prebuilt)
elseif(ZX_WEB AND EXISTS ${zx_web_src}/package-lock.json)
	find_program(ZX_NODE node)
	find_program(ZX_NPM npm)
	set(zx_node_version 0)
	if(ZX_NODE)
		execute_process(COMMAND ${ZX_NODE} --version OUTPUT_VARIABLE zx_node_version OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
		string(REGEX REPLACE "^v" "" zx_node_version "${zx_node_version}")
	endif()
	if(ZX_NPM AND zx_node_version VERSION_GREATER_EQUAL 18)
		file(GLOB_RECURSE zx_web_files CONFIGURE_DEPENDS ${zx_web_src}/src/* ${zx_web_src}/public/* ${zx_web_src}/scripts/*)
		file(GLOB zx_web_top CONFIGURE_DEPENDS ${zx_web_src}/*.json ${zx_web_src}/*.html ${zx_web_src}/*.ts ${zx_web_src}/*.js ${zx_web_src}/.npmrc)
		list(APPEND zx_web_files ${zx_web_top})
		set(zx_web_args ${zx_web_src} ${CMAKE_BINARY_DIR}/web-work ${ZX_WEB_DIR})
	else()
		message(STATUS "node >= 18 with npm not found: the browser application is not built (API only)")
	endif()
endif()

if(zx_web_args)
	add_custom_command(OUTPUT ${CMAKE_BINARY_DIR}/web.stamp
		COMMAND /usr/bin/python3 ${CMAKE_SOURCE_DIR}/cmake/web_build.py ${zx_web_args}
		COMMAND ${CMAKE_COMMAND} -E touch ${CMAKE_BINARY_DIR}/web.stamp
		DEPENDS ${zx_web_files} ${CMAKE_SOURCE_DIR}/cmake/web_build.py
		COMMENT "Building the browser application" VERBATIM)
	add_custom_target(web ALL DEPENDS ${CMAKE_BINARY_DIR}/web.stamp)
	install(DIRECTORY ${ZX_WEB_DIR}/ DESTINATION share/zuoxi/web OPTIONAL)
endif()
