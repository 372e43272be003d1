-- The applied configuration and its versions.
-- name: config_companies
SELECT id, name FROM companies WHERE id = :id OR :id = 0 ORDER BY id
-- name: config_applied_doc
SELECT v.id, v.doc FROM config_applied a JOIN config_versions v ON v.id = a.version_id WHERE a.company_id = :id
-- name: config_applied_version
SELECT version_id FROM config_applied WHERE company_id = :id
-- name: config_applied_who
SELECT v.id, v.at, coalesce(u.login, '') FROM config_applied a JOIN config_versions v ON v.id = a.version_id LEFT JOIN users u ON u.id = v.user_id
WHERE a.company_id = :id
-- name: config_applied_all
SELECT a.company_id, v.doc FROM config_applied a JOIN config_versions v ON v.id = a.version_id ORDER BY a.company_id
-- name: config_version_doc
SELECT company_id, doc FROM config_versions WHERE id = :id
-- name: config_version_before
SELECT company_id, doc FROM config_versions WHERE id = (SELECT max(p.id) FROM config_versions v
  JOIN config_versions p ON p.company_id = v.company_id AND p.id < v.id AND p.kind <> 'draft' WHERE v.id = :id)
-- name: config_versions
SELECT v.id, v.company_id, c.name, v.at, coalesce(u.login, ''), v.kind, v.note, v.changes, a.version_id IS NOT NULL, coalesce(u.name, '')
FROM config_versions v JOIN companies c ON c.id = v.company_id LEFT JOIN users u ON u.id = v.user_id
LEFT JOIN config_applied a ON a.company_id = v.company_id AND a.version_id = v.id
WHERE v.company_id = :company OR :company = 0 ORDER BY v.id DESC LIMIT :limit
-- name: config_version_put
INSERT INTO config_versions (company_id, at, user_id, kind, note, changes, doc) VALUES (:company, :at, :user, :kind, :note, :changes, :doc)
-- name: config_applied_put
INSERT INTO config_applied (company_id, version_id) VALUES (:company, :version)
ON CONFLICT (company_id) DO UPDATE SET version_id = excluded.version_id
-- name: config_prune
DELETE FROM config_versions WHERE company_id = :company AND id NOT IN (SELECT id FROM config_versions WHERE company_id = :company ORDER BY id DESC LIMIT :keep)
AND id NOT IN (SELECT version_id FROM config_applied)
-- name: config_never
SELECT NOT EXISTS (SELECT 1 FROM settings WHERE name = 'config.first')
-- name: config_first_done
INSERT INTO settings (name, value) VALUES ('config.first', '1') ON CONFLICT (name) DO NOTHING
-- name: config_first_companies
SELECT id FROM companies WHERE id NOT IN (SELECT company_id FROM config_applied)
-- name: config_bound_users
SELECT u.login, e.id, e.number, e.created FROM users u JOIN extensions e ON e.id = u.extension_id WHERE e.company_id = :company
-- name: config_number_owner
SELECT resource, row_id FROM numbers WHERE number = :number
-- name: blacklist_all
SELECT company_id, number FROM blacklist
-- name: masked_extensions
SELECT extension_id, '' FROM users WHERE mask_numbers AND extension_id IS NOT NULL
