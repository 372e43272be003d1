-- name: demo_has_users
SELECT EXISTS (SELECT 1 FROM users), EXISTS (SELECT 1 FROM users UNION ALL SELECT 1 FROM companies UNION ALL SELECT 1 FROM extensions)
-- name: demo_company
INSERT INTO companies (code, name, created) VALUES (:code, :name, :now)
-- name: demo_role
INSERT INTO roles (company_id, name, scope, rights, builtin) VALUES (NULL, :name, :scope, :rights, 1)
-- name: demo_extension
INSERT INTO extensions (company_id, number, secret, name, created) VALUES (:company_id, :number, :secret, :name, :now)
-- name: demo_user
INSERT INTO users (company_id, login, password, must_change, name, extension_id, role_id, created)
VALUES (:company_id, :login, :password, :must_change, :name, (SELECT id FROM extensions WHERE number = :extension), :role_id, :now)
