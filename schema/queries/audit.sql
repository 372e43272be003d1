-- name: audit_put
INSERT INTO audit (at, company_id, user_id, addr, resource, row_id, action, before, after)
VALUES (:at, :company_id, :user_id, :addr, :resource, :row_id, :action, :before, :after)
