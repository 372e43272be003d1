# Music on hold and prompts, made at build time (sounds/make.py).
set(ZX_SOUNDS ${CMAKE_BINARY_DIR}/sounds)
add_custom_command(OUTPUT ${ZX_SOUNDS}/stamp
	COMMAND /usr/bin/python3 ${CMAKE_SOURCE_DIR}/sounds/make.py ${ZX_SOUNDS}
	COMMAND ${CMAKE_COMMAND} -E touch ${ZX_SOUNDS}/stamp
	DEPENDS ${CMAKE_SOURCE_DIR}/sounds/make.py COMMENT "Making sounds" VERBATIM)
add_custom_target(zx_sounds ALL DEPENDS ${ZX_SOUNDS}/stamp)
install(DIRECTORY ${ZX_SOUNDS}/ DESTINATION share/zuoxi/sounds PATTERN stamp EXCLUDE)
