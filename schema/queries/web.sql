-- name: web_login
SELECT id, password, active, company_id, totp FROM users WHERE login = :login
-- name: web_password
SELECT password FROM users WHERE id = :id
-- name: web_session
SELECT u.id, u.company_id, u.login, u.name, c.name, coalesce(e.number, ''), r.name, r.scope, r.rights, u.pop, u.mask_numbers, u.must_change,
  s.csrf, s.seen, s.created, r.id, u.totp LIKE '1.%'
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
FROM calls WHERE id = :id
-- name: web_history
SELECT id, company_id, start, ended, ring, talk, direction, caller, caller_name, callee, caller_ext, callee_ext, trunk, state, scode FROM (
  SELECT * FROM (SELECT * FROM calls WHERE caller = :number AND company_id = :company_id ORDER BY start DESC LIMIT :max)
  UNION SELECT * FROM (SELECT * FROM calls WHERE callee = :number AND company_id = :company_id ORDER BY start DESC LIMIT :max))
WHERE id <> :id ORDER BY start DESC LIMIT :max
-- name: web_call_file
SELECT recording, start, caller, callee, caller_ext, callee_ext FROM calls WHERE id = :id
-- name: web_totp
SELECT totp, totp_step, totp_codes, login, company_id FROM users WHERE id = :id
-- name: web_totp_set
UPDATE users SET totp = :totp, totp_step = :step, totp_codes = :codes WHERE id = :id
-- name: web_totp_step
UPDATE users SET totp_step = :step WHERE id = :id AND totp_step < :step
-- name: web_totp_codes
UPDATE users SET totp_codes = :codes WHERE id = :id
-- name: web_sessions_of
SELECT token, addr, agent, seen, created FROM sessions WHERE user_id = :id ORDER BY seen DESC
-- name: web_led
SELECT DISTINCT number FROM led_extensions WHERE leader = :user ORDER BY number
-- name: web_role
SELECT scope, rights, company_id, builtin FROM roles WHERE id = :id
-- name: web_user_role
SELECT r.scope, r.rights, r.id FROM users u JOIN roles r ON r.id = u.role_id WHERE u.id = :id
-- name: web_last_admin
SELECT :id IN (SELECT user_id FROM system_admins) AND NOT EXISTS (SELECT 1 FROM system_admins WHERE user_id <> :id)
-- name: web_sessions_end_user
DELETE FROM sessions WHERE user_id = :id AND token <> :token
-- name: web_sessions_end_role
DELETE FROM sessions WHERE user_id IN (SELECT id FROM users WHERE role_id = :id) AND token <> :token
-- name: web_user_lock
UPDATE users SET active = :active, rev = rev + 1 WHERE id = :id
-- name: web_user_password
UPDATE users SET password = :password, must_change = 1, rev = rev + 1 WHERE id = :id
-- name: web_user_totp_reset
UPDATE users SET totp = '', totp_step = 0, totp_codes = '', rev = rev + 1 WHERE id = :id
-- name: web_leads
SELECT 1 FROM department_leaders WHERE user_id = :user_id AND department_id = :id
-- name: web_company_codes
SELECT 1 FROM companies WHERE code = :code
-- name: web_company_uses
SELECT 'roles' AS resource, id, name FROM (SELECT id, name FROM roles WHERE company_id = :id AND builtin = 0 LIMIT 10)
UNION ALL SELECT 'calls', id, '' FROM (SELECT id FROM calls WHERE company_id = :id LIMIT 1)
-- name: web_company_logo
SELECT logo FROM companies WHERE id = :id
-- name: web_company_logo_set
UPDATE companies SET logo = :logo, rev = rev + 1 WHERE id = :id
-- name: web_params
SELECT whitelist, keep_recordings, keep_marks, keep_missed, keep_busy_log, keep_surveys, keep_edits, rev FROM company_params WHERE company_id = :company_id
-- name: web_params_add
INSERT OR IGNORE INTO company_params (company_id) SELECT id FROM companies WHERE id = :company_id
-- name: web_params_set
UPDATE company_params SET whitelist = :whitelist, keep_recordings = :keep_recordings, keep_marks = :keep_marks, keep_missed = :keep_missed,
  keep_busy_log = :keep_busy_log, keep_surveys = :keep_surveys, keep_edits = :keep_edits, rev = rev + 1 WHERE company_id = :company_id
