-- name: demo_has_users
SELECT EXISTS (SELECT 1 FROM users), EXISTS (SELECT 1 FROM users UNION ALL SELECT 1 FROM companies UNION ALL SELECT 1 FROM extensions)
-- name: demo_company
INSERT INTO companies (code, name, created) VALUES (:code, :name, :now)
-- name: demo_role
SELECT id FROM roles WHERE (company_id = :company_id OR company_id IS NULL) AND name = :name
-- name: demo_extension
INSERT INTO extensions (company_id, number, secret, name, created) VALUES (:company_id, :number, :secret, :name, :now)
-- name: demo_user
INSERT INTO users (company_id, login, password, must_change, name, extension_id, role_id, created)
VALUES (:company_id, :login, :password, :must_change, :name, (SELECT id FROM extensions WHERE number = :extension), :role_id, :now)
-- A small call centre: who works where, a queue, a menu, office hours. Run in this order.
-- name: demo_departments
INSERT INTO departments (company_id, name, created) VALUES (:company_id, '客服部', :now), (:company_id, '销售部', :now)
-- name: demo_people
UPDATE users SET department_id = (SELECT id FROM departments WHERE company_id = :company_id
  AND name = CASE WHEN login IN ('agent4', 'agent5') THEN '销售部' ELSE '客服部' END) WHERE company_id = :company_id AND login LIKE 'agent%'
-- name: demo_mailbox
INSERT INTO voicemail_boxes (company_id, name, created) VALUES (:company_id, '客服留言', :now)
-- name: demo_queue
INSERT INTO queues (company_id, name, number, strategy, max_wait, app, param, created)
VALUES (:company_id, '客服', '9001', 'longest-idle', 120000, 'voicemail', (SELECT id FROM voicemail_boxes WHERE company_id = :company_id), :now)
-- name: demo_members
INSERT INTO queue_members (queue_id, extension_id, position) SELECT q.id, e.id, row_number() OVER (ORDER BY e.number)
FROM queues q JOIN extensions e ON e.company_id = q.company_id WHERE q.company_id = :company_id AND e.number BETWEEN '8001' AND '8003'
-- name: demo_menu
INSERT INTO ivrs (company_id, name, number, direct_dial, app, param, created)
VALUES (:company_id, '总机', '2000', 1, 'queue', (SELECT id FROM queues WHERE company_id = :company_id), :now)
-- name: demo_keys
INSERT INTO ivr_keys (ivr_id, key, app, param, position)
SELECT i.id, '1', 'queue', q.id, 1 FROM ivrs i JOIN queues q ON q.company_id = i.company_id WHERE i.company_id = :company_id
UNION ALL SELECT i.id, '2', 'extension', e.id, 2 FROM ivrs i JOIN extensions e ON e.number = '8004' WHERE i.company_id = :company_id
UNION ALL SELECT i.id, '0', 'extension', e.id, 3 FROM ivrs i JOIN extensions e ON e.number = '8000' WHERE i.company_id = :company_id
-- name: demo_hours
INSERT INTO time_conditions (company_id, name, time_from, time_to, weekday_from, weekday_to, in_app, in_param, out_app, out_param, created)
VALUES (:company_id, '上班时间', '09:00', '17:59', 1, 5, 'ivr', (SELECT id FROM ivrs WHERE company_id = :company_id),
  'voicemail', (SELECT id FROM voicemail_boxes WHERE company_id = :company_id), :now)
-- name: demo_inbound
INSERT INTO inbound_routes (company_id, name, position, app, param, created)
VALUES (:company_id, '总机呼入', 1, 'time', (SELECT id FROM time_conditions WHERE company_id = :company_id), :now)
