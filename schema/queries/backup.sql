-- name: backup_counts
SELECT (SELECT name FROM companies ORDER BY id LIMIT 1), (SELECT count(*) FROM companies), (SELECT count(*) FROM users),
  (SELECT count(*) FROM extensions), (SELECT count(*) FROM calls)
