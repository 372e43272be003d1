-- Companies' people, the PBX configuration as it is edited (the draft), what of it was applied, and what the system pages keep.
-- Times are epoch milliseconds, durations milliseconds. app + param name a target: param is the id of the row of an application that has
-- rows (view targets), else text (outside number) or ''.

ALTER TABLE companies ADD COLUMN logo TEXT NOT NULL DEFAULT '';       -- file below DATA/files
ALTER TABLE companies ADD COLUMN area_code TEXT NOT NULL DEFAULT '';  -- where the company is: "add 0 for mobiles from elsewhere"

CREATE TABLE departments (
  id         INTEGER PRIMARY KEY AUTOINCREMENT,
  company_id INTEGER NOT NULL REFERENCES companies(id),
  name       TEXT NOT NULL CONSTRAINT name CHECK (name <> ''),
  created    INTEGER NOT NULL,
  rev        INTEGER NOT NULL DEFAULT 1,
  UNIQUE (company_id, name)
);

ALTER TABLE users ADD COLUMN department_id INTEGER REFERENCES departments(id) ON DELETE SET NULL;
ALTER TABLE users ADD COLUMN mobile TEXT NOT NULL DEFAULT '';
ALTER TABLE users ADD COLUMN pop_busy INTEGER NOT NULL DEFAULT 0;     -- 弹屏示忙
ALTER TABLE users ADD COLUMN totp TEXT NOT NULL DEFAULT '';           -- sealed secret of the second factor; '' = off
ALTER TABLE users ADD COLUMN totp_step INTEGER NOT NULL DEFAULT 0;    -- last step that was used: no code twice
ALTER TABLE users ADD COLUMN totp_codes TEXT NOT NULL DEFAULT '';     -- hashes of the recovery codes left, space separated
CREATE INDEX users_department ON users(department_id);

CREATE TABLE department_leaders (
  department_id INTEGER NOT NULL REFERENCES departments(id) ON DELETE CASCADE,
  user_id       INTEGER NOT NULL REFERENCES users(id) ON DELETE CASCADE,
  position      INTEGER NOT NULL,
  PRIMARY KEY (department_id, user_id)
) WITHOUT ROWID;
CREATE INDEX department_leaders_user ON department_leaders(user_id);

-- Extensions of the people whose data a leader sees, the leader's own among them.
CREATE VIEW led_extensions AS
  SELECT l.user_id AS leader, e.number AS number, u.id AS user_id FROM department_leaders l
    JOIN users u ON u.department_id = l.department_id JOIN extensions e ON e.id = u.extension_id
  UNION
  SELECT u.id, e.number, u.id FROM users u JOIN extensions e ON e.id = u.extension_id;

-- What a user's browser keeps on the server: columns shown and so on. value is JSON.
CREATE TABLE user_prefs (
  user_id INTEGER NOT NULL REFERENCES users(id) ON DELETE CASCADE,
  name    TEXT NOT NULL,
  value   TEXT NOT NULL,
  PRIMARY KEY (user_id, name)
) WITHOUT ROWID;

-- 系统参数; keep_*: days, 0 = for ever
CREATE TABLE company_params (
  company_id      INTEGER PRIMARY KEY REFERENCES companies(id) ON DELETE CASCADE,
  whitelist       INTEGER NOT NULL DEFAULT 0,
  keep_recordings INTEGER NOT NULL DEFAULT 180,
  keep_marks      INTEGER NOT NULL DEFAULT 365,
  keep_missed     INTEGER NOT NULL DEFAULT 365,
  keep_busy_log   INTEGER NOT NULL DEFAULT 365,
  keep_surveys    INTEGER NOT NULL DEFAULT 365,
  keep_edits      INTEGER NOT NULL DEFAULT 365,
  rev             INTEGER NOT NULL DEFAULT 1
);

-- ---- PBX configuration ----

-- 提示语音 and 队列背景音; the sound is DATA/sounds/SHA.wav, 8 kHz 16 bit mono
CREATE TABLE prompts (
  id         INTEGER PRIMARY KEY AUTOINCREMENT,
  company_id INTEGER NOT NULL REFERENCES companies(id),
  kind       TEXT NOT NULL CONSTRAINT kind CHECK (kind IN ('prompt', 'music')),
  file       TEXT NOT NULL CONSTRAINT file CHECK (file <> ''),
  name       TEXT NOT NULL DEFAULT '',                -- 简述
  sha        TEXT NOT NULL,
  length     INTEGER NOT NULL,
  created    INTEGER NOT NULL,
  rev        INTEGER NOT NULL DEFAULT 1,
  UNIQUE (company_id, kind, file)
);

CREATE TABLE ivrs (
  id             INTEGER PRIMARY KEY AUTOINCREMENT,
  company_id     INTEGER NOT NULL REFERENCES companies(id),
  name           TEXT NOT NULL CONSTRAINT name CHECK (name <> ''),
  number         TEXT NOT NULL UNIQUE CONSTRAINT number CHECK (length(number) BETWEEN 3 AND 8 AND number NOT GLOB '*[^0-9]*'),
  prompt_id      INTEGER REFERENCES prompts(id),
  invalid_id     INTEGER REFERENCES prompts(id),      -- said after a key that leads nowhere; NULL: the shipped one
  timeout_id     INTEGER REFERENCES prompts(id),      -- said when nothing was pressed; NULL: the shipped one
  repeats        INTEGER NOT NULL DEFAULT 3 CONSTRAINT repeats CHECK (repeats BETWEEN 1 AND 20),
  timeout        INTEGER NOT NULL DEFAULT 5000 CONSTRAINT timeout CHECK (timeout BETWEEN 1000 AND 60000),
  direct_dial    INTEGER NOT NULL DEFAULT 0,
  app            TEXT NOT NULL DEFAULT 'hangup',      -- after the last repeat
  param          TEXT NOT NULL DEFAULT '',
  created        INTEGER NOT NULL,
  rev            INTEGER NOT NULL DEFAULT 1,
  UNIQUE (company_id, name)
);
CREATE TABLE ivr_keys (
  ivr_id   INTEGER NOT NULL REFERENCES ivrs(id) ON DELETE CASCADE,
  key      TEXT NOT NULL CONSTRAINT key CHECK (length(key) = 1 AND key GLOB '[0-9*#]'),
  app      TEXT NOT NULL,
  param    TEXT NOT NULL DEFAULT '',
  position INTEGER NOT NULL,
  PRIMARY KEY (ivr_id, key)
) WITHOUT ROWID;

CREATE TABLE queues (
  id             INTEGER PRIMARY KEY AUTOINCREMENT,
  company_id     INTEGER NOT NULL REFERENCES companies(id),
  name           TEXT NOT NULL CONSTRAINT name CHECK (name <> ''),
  number         TEXT NOT NULL UNIQUE CONSTRAINT number CHECK (length(number) BETWEEN 3 AND 8 AND number NOT GLOB '*[^0-9]*'),
  join_prompt_id INTEGER REFERENCES prompts(id),
  music_id       INTEGER REFERENCES prompts(id),      -- NULL: the shipped one
  music_first    INTEGER NOT NULL DEFAULT 0,          -- heard this long before agents ring
  strategy       TEXT NOT NULL DEFAULT 'rrmemory'
                 CONSTRAINT strategy CHECK (strategy IN ('rrmemory', 'ringall', 'longest-idle', 'fewest-calls', 'random', 'linear')),
  max_callers    INTEGER NOT NULL DEFAULT 0,          -- 0 = no limit
  max_wait       INTEGER NOT NULL DEFAULT 600000,     -- 0 = no limit
  ring_time      INTEGER NOT NULL DEFAULT 20000,
  retry          INTEGER NOT NULL DEFAULT 5000,
  agent_prompt_id INTEGER REFERENCES prompts(id),     -- heard by the agent on answer
  wrap_up        INTEGER NOT NULL DEFAULT 10000,
  ivr_id         INTEGER REFERENCES ivrs(id),
  ivr_after      INTEGER NOT NULL DEFAULT 0,
  announce       INTEGER NOT NULL DEFAULT 0,          -- position told every so often; 0 = never
  announce_wait  INTEGER NOT NULL DEFAULT 0,          -- with the estimated wait
  misses_busy    INTEGER NOT NULL DEFAULT 0,          -- unanswered calls that set an agent busy; 0 = never
  app            TEXT NOT NULL DEFAULT 'hangup',      -- overflow
  param          TEXT NOT NULL DEFAULT '',
  created        INTEGER NOT NULL,
  rev            INTEGER NOT NULL DEFAULT 1,
  UNIQUE (company_id, name)
);
CREATE TABLE queue_members (
  queue_id     INTEGER NOT NULL REFERENCES queues(id) ON DELETE CASCADE,
  extension_id INTEGER NOT NULL REFERENCES extensions(id) ON DELETE CASCADE,
  position     INTEGER NOT NULL,
  PRIMARY KEY (queue_id, extension_id)
) WITHOUT ROWID;
CREATE INDEX queue_members_extension ON queue_members(extension_id);

ALTER TABLE trunks ADD COLUMN kind TEXT NOT NULL DEFAULT 'peer' CONSTRAINT kind CHECK (kind IN ('peer', 'register', 'gateway'));
ALTER TABLE trunks ADD COLUMN account TEXT NOT NULL DEFAULT '';
ALTER TABLE trunks ADD COLUMN secret TEXT NOT NULL DEFAULT '';        -- sealed; '' none
ALTER TABLE trunks ADD COLUMN dtmf TEXT NOT NULL DEFAULT 'auto' CONSTRAINT dtmf CHECK (dtmf IN ('auto', 'rfc2833', 'info', 'inband'));
ALTER TABLE trunks ADD COLUMN codecs TEXT NOT NULL DEFAULT 'PCMA,PCMU,G729';
ALTER TABLE trunks ADD COLUMN caller_id TEXT NOT NULL DEFAULT '';
ALTER TABLE trunks ADD COLUMN max_calls INTEGER NOT NULL DEFAULT 0;   -- 0 = no limit
ALTER TABLE trunks ADD COLUMN created INTEGER NOT NULL DEFAULT 0;

CREATE TABLE holiday_lists (
  id         INTEGER PRIMARY KEY AUTOINCREMENT,
  company_id INTEGER NOT NULL REFERENCES companies(id),
  name       TEXT NOT NULL CONSTRAINT name CHECK (name <> ''),
  created    INTEGER NOT NULL,
  rev        INTEGER NOT NULL DEFAULT 1,
  UNIQUE (company_id, name)
);
-- kind work: a day made up for, worked although it is a weekend or within a holiday (调休)
CREATE TABLE holiday_dates (
  list_id   INTEGER NOT NULL REFERENCES holiday_lists(id) ON DELETE CASCADE,
  date_from TEXT NOT NULL,                            -- YYYY-MM-DD
  date_to   TEXT NOT NULL,
  kind      TEXT NOT NULL DEFAULT 'off' CONSTRAINT kind CHECK (kind IN ('off', 'work')),
  name      TEXT NOT NULL DEFAULT '',
  position  INTEGER NOT NULL,
  PRIMARY KEY (list_id, position)
) WITHOUT ROWID;

CREATE TABLE time_conditions (
  id           INTEGER PRIMARY KEY AUTOINCREMENT,
  company_id   INTEGER NOT NULL REFERENCES companies(id),
  name         TEXT NOT NULL CONSTRAINT name CHECK (name <> ''),
  time_from    TEXT NOT NULL DEFAULT '',              -- HH:MM, '' = any; a range may wrap
  time_to      TEXT NOT NULL DEFAULT '',              -- up to the end of this minute
  weekday_from INTEGER CONSTRAINT weekday_from CHECK (weekday_from BETWEEN 1 AND 7), -- 1 = Monday; NULL = any
  weekday_to   INTEGER CONSTRAINT weekday_to CHECK (weekday_to BETWEEN 1 AND 7),
  month_from   INTEGER CONSTRAINT month_from CHECK (month_from BETWEEN 1 AND 12),
  month_to     INTEGER CONSTRAINT month_to CHECK (month_to BETWEEN 1 AND 12),
  day_from     INTEGER CONSTRAINT day_from CHECK (day_from BETWEEN 1 AND 31),
  day_to       INTEGER CONSTRAINT day_to CHECK (day_to BETWEEN 1 AND 31),
  holidays_id  INTEGER REFERENCES holiday_lists(id),  -- days off are outside, days made up for count by time of day alone
  in_app       TEXT NOT NULL,
  in_param     TEXT NOT NULL DEFAULT '',
  out_app      TEXT NOT NULL,
  out_param    TEXT NOT NULL DEFAULT '',
  created      INTEGER NOT NULL,
  rev          INTEGER NOT NULL DEFAULT 1,
  UNIQUE (company_id, name)
);

-- pattern matches the callee, caller the caller; the most specific route wins, position decides among equals.
UPDATE inbound_routes SET param = coalesce((SELECT id FROM extensions WHERE number = param), param) WHERE app = 'extension' AND param <> '';
ALTER TABLE inbound_routes ADD COLUMN caller TEXT NOT NULL DEFAULT '';
ALTER TABLE inbound_routes ADD COLUMN created INTEGER NOT NULL DEFAULT 0;

CREATE TABLE outbound_routes (
  id           INTEGER PRIMARY KEY AUTOINCREMENT,
  company_id   INTEGER NOT NULL REFERENCES companies(id),
  name         TEXT NOT NULL CONSTRAINT name CHECK (name <> ''),
  position     INTEGER NOT NULL,                      -- top to bottom, first match wins
  pattern      TEXT NOT NULL,
  strip        TEXT NOT NULL DEFAULT '',              -- 删除前缀: leading digits taken off where they are there
  prefix       TEXT NOT NULL DEFAULT '',              -- 追加前缀: then put in front
  extension_id INTEGER REFERENCES extensions(id),     -- 绑定主叫; NULL = any caller
  trunk1_id    INTEGER NOT NULL REFERENCES trunks(id),
  trunk2_id    INTEGER REFERENCES trunks(id),
  trunk3_id    INTEGER REFERENCES trunks(id),
  created      INTEGER NOT NULL,
  rev          INTEGER NOT NULL DEFAULT 1,
  UNIQUE (company_id, name)
);
CREATE INDEX outbound_routes_position ON outbound_routes(company_id, position);

CREATE TABLE conferences (
  id         INTEGER PRIMARY KEY AUTOINCREMENT,
  company_id INTEGER NOT NULL REFERENCES companies(id),
  number     TEXT NOT NULL UNIQUE CONSTRAINT number CHECK (length(number) BETWEEN 3 AND 8 AND number NOT GLOB '*[^0-9]*'),
  pin        TEXT NOT NULL DEFAULT '' CONSTRAINT pin CHECK (length(pin) <= 12 AND pin NOT GLOB '*[^0-9]*'),
  name       TEXT NOT NULL DEFAULT '',                -- 会议描述
  record     INTEGER NOT NULL DEFAULT 0,
  created    INTEGER NOT NULL,
  rev        INTEGER NOT NULL DEFAULT 1
);

CREATE TABLE voicemail_boxes (
  id           INTEGER PRIMARY KEY AUTOINCREMENT,
  company_id   INTEGER NOT NULL REFERENCES companies(id),
  name         TEXT NOT NULL CONSTRAINT name CHECK (name <> ''),
  prompt_id    INTEGER REFERENCES prompts(id),        -- greeting; NULL: the shipped one
  extension_id INTEGER REFERENCES extensions(id) ON DELETE SET NULL, -- whose lamp tells of messages
  max_length   INTEGER NOT NULL DEFAULT 180000 CONSTRAINT max_length CHECK (max_length BETWEEN 10000 AND 1800000),
  silence      INTEGER NOT NULL DEFAULT 5000 CONSTRAINT silence CHECK (silence BETWEEN 0 AND 60000), -- ends a message; 0 = never
  created      INTEGER NOT NULL,
  rev          INTEGER NOT NULL DEFAULT 1,
  UNIQUE (company_id, name)
);

-- Numbers one can dial are unique on the whole system.
CREATE TABLE numbers (
  number   TEXT PRIMARY KEY,
  resource TEXT NOT NULL,
  row_id   INTEGER NOT NULL
) WITHOUT ROWID;
INSERT INTO numbers SELECT number, 'extensions', id FROM extensions;
CREATE TRIGGER extensions_number_add AFTER INSERT ON extensions BEGIN INSERT INTO numbers VALUES (NEW.number, 'extensions', NEW.id); END;
CREATE TRIGGER extensions_number_set AFTER UPDATE OF number ON extensions WHEN OLD.number <> NEW.number BEGIN
  UPDATE numbers SET number = NEW.number WHERE number = OLD.number; END;
CREATE TRIGGER extensions_number_del AFTER DELETE ON extensions BEGIN DELETE FROM numbers WHERE number = OLD.number; END;
CREATE TRIGGER queues_number_add AFTER INSERT ON queues BEGIN INSERT INTO numbers VALUES (NEW.number, 'queues', NEW.id); END;
CREATE TRIGGER queues_number_set AFTER UPDATE OF number ON queues WHEN OLD.number <> NEW.number BEGIN
  UPDATE numbers SET number = NEW.number WHERE number = OLD.number; END;
CREATE TRIGGER queues_number_del AFTER DELETE ON queues BEGIN DELETE FROM numbers WHERE number = OLD.number; END;
CREATE TRIGGER ivrs_number_add AFTER INSERT ON ivrs BEGIN INSERT INTO numbers VALUES (NEW.number, 'ivrs', NEW.id); END;
CREATE TRIGGER ivrs_number_set AFTER UPDATE OF number ON ivrs WHEN OLD.number <> NEW.number BEGIN
  UPDATE numbers SET number = NEW.number WHERE number = OLD.number; END;
CREATE TRIGGER ivrs_number_del AFTER DELETE ON ivrs BEGIN DELETE FROM numbers WHERE number = OLD.number; END;
CREATE TRIGGER conferences_number_add AFTER INSERT ON conferences BEGIN INSERT INTO numbers VALUES (NEW.number, 'conferences', NEW.id); END;
CREATE TRIGGER conferences_number_set AFTER UPDATE OF number ON conferences WHEN OLD.number <> NEW.number BEGIN
  UPDATE numbers SET number = NEW.number WHERE number = OLD.number; END;
CREATE TRIGGER conferences_number_del AFTER DELETE ON conferences BEGIN DELETE FROM numbers WHERE number = OLD.number; END;

-- What app + param may point to.
CREATE VIEW targets AS
  SELECT 'extension' AS app, id, company_id, number || CASE name WHEN '' THEN '' ELSE ' ' || name END AS label FROM extensions
  UNION ALL SELECT 'queue', id, company_id, number || ' ' || name FROM queues
  UNION ALL SELECT 'ivr', id, company_id, number || ' ' || name FROM ivrs
  UNION ALL SELECT 'time', id, company_id, name FROM time_conditions
  UNION ALL SELECT 'conference', id, company_id, number || CASE name WHEN '' THEN '' ELSE ' ' || name END FROM conferences
  UNION ALL SELECT 'voicemail', id, company_id, name FROM voicemail_boxes
  UNION ALL SELECT 'prompt', id, company_id, CASE name WHEN '' THEN file ELSE name END FROM prompts WHERE kind = 'prompt';
-- Who points where.
CREATE VIEW target_uses AS
  SELECT app, param, 'inbound_routes' AS resource, id, name AS label FROM inbound_routes
  UNION ALL SELECT app, param, 'queues', id, name FROM queues
  UNION ALL SELECT app, param, 'ivrs', id, name FROM ivrs
  UNION ALL SELECT k.app, k.param, 'ivrs', i.id, i.name || ' [' || k.key || ']' FROM ivr_keys k JOIN ivrs i ON i.id = k.ivr_id
  UNION ALL SELECT in_app, in_param, 'time_conditions', id, name FROM time_conditions
  UNION ALL SELECT out_app, out_param, 'time_conditions', id, name FROM time_conditions;

-- Applied configuration: a document of all PBX tables of a company. Calls follow the last one of kind apply or return.
CREATE TABLE config_versions (
  id         INTEGER PRIMARY KEY AUTOINCREMENT,
  company_id INTEGER NOT NULL REFERENCES companies(id) ON DELETE CASCADE,
  at         INTEGER NOT NULL,
  user_id    INTEGER,
  kind       TEXT NOT NULL CONSTRAINT kind CHECK (kind IN ('apply', 'return', 'draft')), -- draft: what was unapplied before a return
  note       TEXT NOT NULL DEFAULT '',
  changes    INTEGER NOT NULL DEFAULT 0,
  doc        TEXT NOT NULL
);
CREATE INDEX config_versions_company ON config_versions(company_id, at);
CREATE TABLE config_applied (
  company_id INTEGER PRIMARY KEY REFERENCES companies(id) ON DELETE CASCADE,
  version_id INTEGER NOT NULL REFERENCES config_versions(id)
);

-- ---- data that is live at once ----

CREATE TABLE blacklist (
  id         INTEGER PRIMARY KEY AUTOINCREMENT,
  company_id INTEGER NOT NULL REFERENCES companies(id),
  number     TEXT NOT NULL CONSTRAINT number CHECK (number <> ''),
  note       TEXT NOT NULL DEFAULT '',
  added_by   TEXT NOT NULL DEFAULT '',                -- extension (name) of who added it
  created    INTEGER NOT NULL,
  rev        INTEGER NOT NULL DEFAULT 1,
  UNIQUE (company_id, number)
);

-- Newer than the shipped number locations, or corrections of them.
CREATE TABLE locations (
  prefix    TEXT PRIMARY KEY CONSTRAINT prefix CHECK (length(prefix) = 7 AND prefix NOT GLOB '*[^0-9]*'),
  province  TEXT NOT NULL,
  city      TEXT NOT NULL,
  area_code TEXT NOT NULL DEFAULT '',
  carrier   TEXT NOT NULL DEFAULT '',
  updated   INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE notices (
  id         INTEGER PRIMARY KEY AUTOINCREMENT,
  company_id INTEGER NOT NULL REFERENCES companies(id),
  subject    TEXT NOT NULL CONSTRAINT subject CHECK (subject <> ''),
  body       TEXT NOT NULL DEFAULT '',
  author     TEXT NOT NULL DEFAULT '',
  created    INTEGER NOT NULL,
  rev        INTEGER NOT NULL DEFAULT 1
);
CREATE INDEX notices_company ON notices(company_id, created);
CREATE TABLE notice_reads (
  notice_id INTEGER NOT NULL REFERENCES notices(id) ON DELETE CASCADE,
  user_id   INTEGER NOT NULL REFERENCES users(id) ON DELETE CASCADE,
  at        INTEGER NOT NULL,
  PRIMARY KEY (notice_id, user_id)
) WITHOUT ROWID;

CREATE TABLE articles (
  id         INTEGER PRIMARY KEY AUTOINCREMENT,
  company_id INTEGER NOT NULL REFERENCES companies(id),
  subject    TEXT NOT NULL CONSTRAINT subject CHECK (subject <> ''),
  category   TEXT NOT NULL DEFAULT '',
  body       TEXT NOT NULL DEFAULT '',
  author     TEXT NOT NULL DEFAULT '',
  created    INTEGER NOT NULL,
  updated    INTEGER NOT NULL DEFAULT 0,
  rev        INTEGER NOT NULL DEFAULT 1
);
CREATE INDEX articles_company ON articles(company_id, created);
