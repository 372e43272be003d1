# schema/NNN_*.sql (migrations) and schema/queries/*.sql (named statements) compiled into the store.
if(TARGET zx_store)
	file(GLOB zx_sql CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/schema/[0-9][0-9][0-9]_*.sql ${CMAKE_SOURCE_DIR}/schema/queries/*.sql)
	set(zx_sql_c ${CMAKE_BINARY_DIR}/gen/store_sql.c)
	add_custom_command(OUTPUT ${zx_sql_c}
		COMMAND /usr/bin/python3 ${CMAKE_SOURCE_DIR}/cmake/embed_sql.py ${zx_sql_c} ${zx_sql}
		DEPENDS ${CMAKE_SOURCE_DIR}/cmake/embed_sql.py ${zx_sql}
		COMMENT "Embedding SQL" VERBATIM)
	target_sources(zx_store PRIVATE ${zx_sql_c})
endif()
