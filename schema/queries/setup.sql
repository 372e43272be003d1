-- name: setup_counts
SELECT c.name, c.area_code,
  (SELECT count(*) FROM departments WHERE company_id = c.id),
  (SELECT count(*) FROM extensions WHERE company_id = c.id),
  (SELECT count(DISTINCT b.ext) FROM bindings b JOIN extensions e ON e.number = b.ext WHERE e.company_id = c.id AND b.expires > :now),
  (SELECT count(*) FROM queues WHERE company_id = c.id),
  (SELECT count(*) FROM queues q WHERE q.company_id = c.id AND NOT EXISTS (SELECT 1 FROM queue_members m WHERE m.queue_id = q.id)),
  (SELECT count(*) FROM prompts WHERE company_id = c.id AND kind = 'prompt'),
  (SELECT count(*) FROM ivrs WHERE company_id = c.id),
  (SELECT count(*) FROM trunks WHERE company_id = c.id),
  (SELECT count(*) FROM inbound_routes WHERE company_id = c.id),
  (SELECT count(*) FROM outbound_routes WHERE company_id = c.id),
  (SELECT count(*) FROM users WHERE company_id = c.id AND active = 1),
  (SELECT count(*) FROM users WHERE company_id = c.id AND active = 1 AND extension_id IS NOT NULL),
  EXISTS (SELECT 1 FROM config_applied WHERE company_id = c.id),
  (SELECT count(*) FROM (SELECT 1 FROM calls WHERE company_id = c.id AND talk > 0 LIMIT 1))
FROM companies c WHERE c.id = :company
-- name: setup_free
SELECT (SELECT count(*) FROM extensions WHERE company_id = :company), (SELECT count(*) FROM queues WHERE company_id = :company)
-- name: setup_role
SELECT id FROM roles WHERE (company_id = :company OR company_id IS NULL) AND scope = 'own'
ORDER BY company_id IS NULL, builtin DESC, id LIMIT 1
-- name: setup_company
UPDATE companies SET name = :name, area_code = :area, rev = rev + 1 WHERE id = :id
-- name: setup_department
INSERT INTO departments (company_id, name, created) VALUES (:company, :name, :now)
ON CONFLICT (company_id, name) DO UPDATE SET rev = rev RETURNING id
-- name: setup_extension
INSERT INTO extensions (company_id, number, secret, name, created) VALUES (:company, :number, :secret, :name, :now)
-- name: setup_user
INSERT INTO users (company_id, login, password, name, extension_id, role_id, department_id, created)
VALUES (:company, :login, :password, :name, :extension, :role, :department, :now)
-- name: setup_queue
INSERT INTO queues (company_id, name, number, created) VALUES (:company, :name, :number, :now)
-- name: setup_member
INSERT INTO queue_members (queue_id, extension_id, position) VALUES (:queue, :extension, :position)
-- name: setting_get
SELECT value FROM settings WHERE name = :name
-- name: setting_put
INSERT INTO settings (name, value) VALUES (:name, :value) ON CONFLICT (name) DO UPDATE SET value = excluded.value
-- name: setting_del
DELETE FROM settings WHERE name = :name
