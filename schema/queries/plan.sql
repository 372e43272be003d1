-- name: plan_extensions
SELECT id, company_id, number, name, secret, record, caller_id, bind_ip FROM extensions
-- name: plan_trunks
SELECT id, company_id, name, host, port FROM trunks ORDER BY id
-- name: plan_inbound_routes
SELECT company_id, trunk_id, pattern, strip, record, app, param FROM inbound_routes ORDER BY position, id
