-- name: web_login
SELECT id, password, active, company_id FROM users WHERE login = :login
-- name: web_password
SELECT password FROM users WHERE id = :id
-- name: web_session
SELECT u.id, u.company_id, u.login, u.name, c.name, coalesce(e.number, ''), r.name, r.scope, r.rights, u.pop, u.mask_numbers, u.must_change,
  s.csrf, s.seen, s.created
FROM sessions s JOIN users u ON u.id = s.user_id JOIN companies c ON c.id = u.company_id JOIN roles r ON r.id = u.role_id
LEFT JOIN extensions e ON e.id = u.extension_id
WHERE s.token = :token AND u.active = 1
-- name: web_session_add
INSERT INTO sessions (token, user_id, csrf, created, seen, addr, agent) VALUES (:token, :user_id, :csrf, :now, :now, :addr, :agent)
-- name: web_session_trim
DELETE FROM sessions WHERE user_id = :user_id AND token NOT IN
  (SELECT token FROM sessions WHERE user_id = :user_id ORDER BY seen DESC LIMIT 32)
-- name: web_session_expire
DELETE FROM sessions WHERE seen < :seen OR created < :created
-- name: web_session_touch
UPDATE sessions SET seen = :now WHERE token = :token AND seen < :now
-- name: web_session_del
DELETE FROM sessions WHERE token = :token
-- name: web_session_del_others
DELETE FROM sessions WHERE user_id = :user_id AND token <> :token
-- name: web_password_set
UPDATE users SET password = :password, must_change = 0, rev = rev + 1 WHERE id = :id
-- name: web_ext_exists
SELECT 1 FROM extensions WHERE number = :number
-- name: web_ext_count
SELECT count(*) FROM extensions
-- name: web_ext_users
SELECT login FROM users WHERE extension_id = :id LIMIT 5
-- name: web_company_code
SELECT id, name FROM companies ORDER BY code
-- name: web_call
SELECT id, company_id, start, ended, ring, talk, direction, caller, caller_name, callee, caller_ext, callee_ext, trunk, state, scode
FROM calls WHERE id = :id AND (:company_id = 0 OR company_id = :company_id)
-- name: web_history
SELECT id, company_id, start, ended, ring, talk, direction, caller, caller_name, callee, caller_ext, callee_ext, trunk, state, scode FROM (
  SELECT * FROM (SELECT * FROM calls WHERE caller = :number AND company_id = :company_id ORDER BY start DESC LIMIT :max)
  UNION SELECT * FROM (SELECT * FROM calls WHERE callee = :number AND company_id = :company_id ORDER BY start DESC LIMIT :max))
WHERE id <> :id ORDER BY start DESC LIMIT :max
-- name: web_call_file
SELECT recording, start, caller, callee, caller_ext, callee_ext FROM calls WHERE id = :id
