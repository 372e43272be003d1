# schema/*.sql and schema/queries/*.sql compiled in (written by the store room)
