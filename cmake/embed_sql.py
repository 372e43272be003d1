"""Writes migrations and named statements as C arrays: embed_sql.py OUT.c FILE.sql...

A file NNN_name.sql directly in schema/ is migration NNN. Files in queries/ hold statements, each after a line `-- name: NAME`.
"""
import os
import re
import sys


def die(msg):
    sys.exit("embed_sql.py: " + msg)


def c_string(text):
    lines = []
    for line in text.splitlines():
        esc = line.replace("\\", "\\\\").replace('"', '\\"').replace("?", "\\?").replace("\t", "\\t")
        lines.append('\t"%s\\n"' % esc)
    return "\n".join(lines)


def read_queries(path):
    name, body = None, []
    for line in open(path, encoding="utf-8"):
        m = re.match(r"--\s*name:\s*(\w+)\s*$", line)
        if m:
            if name:
                yield name, "".join(body).strip()
            name, body = m.group(1), []
        elif name is None and line.strip() and not line.startswith("--"):
            die("%s: text before the first `-- name:`" % path)
        else:
            body.append(line)
    if name:
        yield name, "".join(body).strip()


def main(out, files):
    migrations, statements = {}, {}
    for path in files:
        base = os.path.basename(path)
        if os.path.basename(os.path.dirname(path)) == "queries":
            for name, sql in read_queries(path):
                if not sql or name in statements:
                    die("%s: %s: statement %s" % (path, name, "twice" if sql else "empty"))
                statements[name] = sql
            continue
        number = int(base[:3])
        if number in migrations:
            die("two migrations numbered %d" % number)
        migrations[number] = (base, open(path, encoding="utf-8").read())
    if sorted(migrations) != list(range(1, len(migrations) + 1)):
        die("migrations must be numbered 1, 2, 3, ... without gaps")

    text = ['/* Generated from schema/ by cmake/embed_sql.py. */', '#include "store/sql.h"', '']
    text.append("const struct zx_sql_migration zx_sql_migrations[] = {")
    for number in sorted(migrations):
        base, sql = migrations[number]
        text.append('{%d, "%s",\n%s},' % (number, base, c_string(sql)))
    text += ["};", "const unsigned zx_sql_migrationc = %d;" % len(migrations), ""]
    text.append("const struct zx_sql_statement zx_sql_statements[] = {")
    for name in sorted(statements):
        text.append('{"%s",\n%s},' % (name, c_string(statements[name])))
    text += ["};", "const unsigned zx_sql_statementc = %d;" % len(statements), ""]
    os.makedirs(os.path.dirname(out), exist_ok=True)
    with open(out, "w", encoding="utf-8") as f:
        f.write("\n".join(text))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
