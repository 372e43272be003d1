-- name: help_extension_of
SELECT e.id, e.number, e.name FROM users u JOIN extensions e ON e.id = u.extension_id WHERE u.id = :user
-- name: help_extension
SELECT company_id, number, name, secret FROM extensions WHERE id = :id
