-- name: res_target
SELECT 1 FROM targets WHERE app = :app AND id = :id AND company_id = :company_id
-- name: res_target_uses
SELECT resource, id, label FROM target_uses WHERE app = :app AND param = :param LIMIT 51
-- name: res_history
SELECT a.id, a.at, ifnull(u.login, ''), ifnull(u.name, ''), a.addr, a.action, a.before, a.after FROM audit a LEFT JOIN users u ON u.id = a.user_id
  WHERE a.resource = :resource AND a.row_id = :row_id ORDER BY a.at DESC, a.id DESC LIMIT 200
-- name: res_prefs
SELECT name, value FROM user_prefs WHERE user_id = :user_id ORDER BY name
-- name: res_pref_count
SELECT count(*) FROM user_prefs WHERE user_id = :user_id AND name <> :name
-- name: res_pref_put
INSERT INTO user_prefs (user_id, name, value) VALUES (:user_id, :name, :value) ON CONFLICT (user_id, name) DO UPDATE SET value = excluded.value
-- name: res_pref_del
DELETE FROM user_prefs WHERE user_id = :user_id AND name = :name
