# Number locations from Debian's python3-phonenumbers into BUILD/location.dat, where zuoxid and the tests find it beside themselves.
set(ZX_LOCATION_DAT ${CMAKE_BINARY_DIR}/location.dat)
add_custom_command(OUTPUT ${ZX_LOCATION_DAT}
	COMMAND /usr/bin/python3 ${CMAKE_SOURCE_DIR}/packaging/location.py ${ZX_LOCATION_DAT}
	DEPENDS ${CMAKE_SOURCE_DIR}/packaging/location.py COMMENT "Making number locations" VERBATIM)
add_custom_target(zx_location ALL DEPENDS ${ZX_LOCATION_DAT})
if(TARGET zx_crm)
	add_dependencies(zx_crm zx_location)
endif()
install(FILES ${ZX_LOCATION_DAT} DESTINATION share/zuoxi)
