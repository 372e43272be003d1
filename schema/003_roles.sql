-- Shipped roles belong to each company, so that it may cut them to its needs; the system administrator's alone belongs to none.
CREATE TABLE role_templates (
  name     TEXT PRIMARY KEY,
  scope    TEXT NOT NULL,
  rights   TEXT NOT NULL,
  position INTEGER NOT NULL
) WITHOUT ROWID;
INSERT INTO role_templates VALUES
  ('管理员', 'company', '*', 1),
  ('部门组长', 'department',
   'calls:list calls:download calls:export live:list live:hangup phone:dial extensions:list users:list departments:list blacklist:list blacklist:add ' ||
   'blacklist:delete notices:list articles:list locations:list', 2),
  ('坐席', 'own', 'calls:list calls:download phone:dial notices:list articles:list locations:list', 3);

UPDATE roles SET name = '系统管理员' WHERE company_id IS NULL AND builtin = 1 AND scope = 'system';
INSERT INTO roles (company_id, name, scope, rights, builtin)
  SELECT NULL, '系统管理员', 'system', '*', 1 WHERE NOT EXISTS (SELECT 1 FROM roles WHERE company_id IS NULL AND builtin = 1 AND scope = 'system');
INSERT INTO roles (company_id, name, scope, rights, builtin)
  SELECT c.id, t.name, t.scope, t.rights, 1 FROM companies c JOIN role_templates t
  WHERE NOT EXISTS (SELECT 1 FROM roles r WHERE r.company_id = c.id AND r.name = t.name) ORDER BY c.id, t.position;
UPDATE users SET role_id = (SELECT n.id FROM roles o JOIN roles n ON n.name = o.name AND n.company_id = users.company_id WHERE o.id = users.role_id)
  WHERE role_id IN (SELECT id FROM roles WHERE company_id IS NULL AND builtin = 1 AND scope <> 'system');
DELETE FROM roles WHERE company_id IS NULL AND builtin = 1 AND scope <> 'system';

CREATE TRIGGER companies_roles_add AFTER INSERT ON companies BEGIN
  INSERT INTO roles (company_id, name, scope, rights, builtin)
    SELECT NEW.id, name, scope, rights, 1 FROM role_templates ORDER BY position; END;
CREATE TRIGGER companies_roles_del BEFORE DELETE ON companies BEGIN DELETE FROM roles WHERE company_id = OLD.id; END;

-- Somebody can always get in and do everything: the last active system administrator stays, whatever way a change comes.
CREATE VIEW system_admins AS
  SELECT u.id AS user_id, r.id AS role_id FROM users u JOIN roles r ON r.id = u.role_id
  WHERE u.active = 1 AND r.scope = 'system' AND r.rights = '*';
CREATE TRIGGER users_last_admin_set BEFORE UPDATE OF active, role_id ON users
  WHEN OLD.id IN (SELECT user_id FROM system_admins) AND NOT EXISTS (SELECT 1 FROM system_admins WHERE user_id <> OLD.id)
   AND NOT (NEW.active = 1 AND EXISTS (SELECT 1 FROM roles WHERE id = NEW.role_id AND scope = 'system' AND rights = '*'))
  BEGIN SELECT RAISE(ABORT, 'last_admin'); END;
CREATE TRIGGER users_last_admin_del BEFORE DELETE ON users
  WHEN OLD.id IN (SELECT user_id FROM system_admins) AND NOT EXISTS (SELECT 1 FROM system_admins WHERE user_id <> OLD.id)
  BEGIN SELECT RAISE(ABORT, 'last_admin'); END;
CREATE TRIGGER roles_last_admin_set BEFORE UPDATE OF scope, rights ON roles
  WHEN OLD.scope = 'system' AND OLD.rights = '*' AND (NEW.scope <> 'system' OR NEW.rights <> '*')
   AND EXISTS (SELECT 1 FROM system_admins WHERE role_id = OLD.id) AND NOT EXISTS (SELECT 1 FROM system_admins WHERE role_id <> OLD.id)
  BEGIN SELECT RAISE(ABORT, 'last_admin'); END;
