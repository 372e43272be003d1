/* The SQL compiled in from schema/ (cmake/embed_sql.py). */
#ifndef ZX_STORE_SQL_H
#define ZX_STORE_SQL_H

struct zx_sql_migration {
	unsigned version; /* PRAGMA user_version after it; 1, 2, 3, ... without gaps */
	const char *file;
	const char *sql;
};
struct zx_sql_statement {
	const char *name;
	const char *sql;
};

extern const struct zx_sql_migration zx_sql_migrations[];
extern const unsigned zx_sql_migrationc;
/* sorted by name */
extern const struct zx_sql_statement zx_sql_statements[];
extern const unsigned zx_sql_statementc;

#endif
