-- Times are epoch milliseconds UTC. Booleans are 0/1. rev counts changes of a row (optimistic locking).
CREATE TABLE settings (
  name  TEXT PRIMARY KEY,
  value TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE companies (
  id      INTEGER PRIMARY KEY,
  code    TEXT NOT NULL UNIQUE CONSTRAINT code CHECK (length(code) = 6 AND code NOT GLOB '*[^0-9]*'),
  name    TEXT NOT NULL UNIQUE CONSTRAINT name CHECK (name <> ''),
  created INTEGER NOT NULL,
  rev     INTEGER NOT NULL DEFAULT 1
);

-- rights: space separated "resource:action", or "*"; scope: whose data. company_id NULL: offered to every company.
CREATE TABLE roles (
  id         INTEGER PRIMARY KEY,
  company_id INTEGER REFERENCES companies(id),
  name       TEXT NOT NULL,
  scope      TEXT NOT NULL CONSTRAINT scope CHECK (scope IN ('own', 'department', 'company', 'system')),
  rights     TEXT NOT NULL,
  builtin    INTEGER NOT NULL DEFAULT 0,
  rev        INTEGER NOT NULL DEFAULT 1,
  UNIQUE (company_id, name)
);

CREATE TABLE extensions (
  id         INTEGER PRIMARY KEY,
  company_id INTEGER NOT NULL REFERENCES companies(id),
  number     TEXT NOT NULL UNIQUE CONSTRAINT number CHECK (length(number) BETWEEN 3 AND 8 AND number NOT GLOB '*[^0-9]*'),
  secret     TEXT NOT NULL,                       -- sealed (store.h zx_seal)
  name       TEXT NOT NULL DEFAULT '',
  caller_id  TEXT NOT NULL DEFAULT '',            -- 出局显示号码
  record     INTEGER NOT NULL DEFAULT 1,
  bind_ip    TEXT NOT NULL DEFAULT '',            -- address or CIDR; '' = anywhere
  created    INTEGER NOT NULL,
  rev        INTEGER NOT NULL DEFAULT 1
);
CREATE INDEX extensions_company ON extensions(company_id, number);

CREATE TABLE users (
  id            INTEGER PRIMARY KEY,
  company_id    INTEGER NOT NULL REFERENCES companies(id),
  login         TEXT NOT NULL UNIQUE COLLATE NOCASE,
  password      TEXT NOT NULL,                    -- argon2id, encoded (store/password.h)
  must_change   INTEGER NOT NULL DEFAULT 1,
  name          TEXT NOT NULL DEFAULT '',
  extension_id  INTEGER UNIQUE REFERENCES extensions(id) ON DELETE SET NULL,
  role_id       INTEGER NOT NULL REFERENCES roles(id),
  active        INTEGER NOT NULL DEFAULT 1,
  pop           INTEGER NOT NULL DEFAULT 1,
  mask_numbers  INTEGER NOT NULL DEFAULT 0,
  created       INTEGER NOT NULL,
  rev           INTEGER NOT NULL DEFAULT 1
);
CREATE INDEX users_company ON users(company_id, login);
CREATE INDEX users_role ON users(role_id);

-- token: SHA-256 of the cookie's value
CREATE TABLE sessions (
  token     BLOB PRIMARY KEY,
  user_id   INTEGER NOT NULL REFERENCES users(id) ON DELETE CASCADE,
  csrf      TEXT NOT NULL,
  created   INTEGER NOT NULL,
  seen      INTEGER NOT NULL,
  addr      TEXT NOT NULL,
  agent     TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX sessions_user ON sessions(user_id);

CREATE TABLE trunks (
  id         INTEGER PRIMARY KEY,
  company_id INTEGER NOT NULL REFERENCES companies(id),
  name       TEXT NOT NULL UNIQUE,
  host       TEXT NOT NULL,                       -- address of the peer
  port       INTEGER NOT NULL DEFAULT 5060 CONSTRAINT port CHECK (port BETWEEN 1 AND 65535),
  rev        INTEGER NOT NULL DEFAULT 1
);
CREATE INDEX trunks_company ON trunks(company_id, name);

-- First match by position. pattern: digits, X Z N [1-5] and a final "." for one or more of anything; '' = any.
CREATE TABLE inbound_routes (
  id         INTEGER PRIMARY KEY,
  company_id INTEGER NOT NULL REFERENCES companies(id),
  name       TEXT NOT NULL,
  trunk_id   INTEGER REFERENCES trunks(id) ON DELETE CASCADE,
  position   INTEGER NOT NULL,
  pattern    TEXT NOT NULL DEFAULT '',
  strip      INTEGER NOT NULL DEFAULT 0 CONSTRAINT strip CHECK (strip BETWEEN 0 AND 63), -- leading digits taken off
  record     INTEGER NOT NULL DEFAULT 0,          -- record even when the extension is not recorded
  app        TEXT NOT NULL,                       -- "extension", ...
  param      TEXT NOT NULL DEFAULT '',            -- '' = the number dialled, stripped
  rev        INTEGER NOT NULL DEFAULT 1
);
CREATE INDEX inbound_routes_position ON inbound_routes(position, id);
CREATE INDEX inbound_routes_company ON inbound_routes(company_id, position);
CREATE INDEX inbound_routes_trunk ON inbound_routes(trunk_id);

CREATE TABLE bindings (
  ext        TEXT NOT NULL,
  contact    TEXT NOT NULL,                       -- Contact URI as registered
  instance   TEXT NOT NULL DEFAULT '',            -- +sip.instance
  reg_id     INTEGER NOT NULL DEFAULT 0,
  callid     TEXT NOT NULL,
  cseq       INTEGER NOT NULL,
  path       TEXT NOT NULL DEFAULT '',            -- Path values, comma separated
  tp         TEXT NOT NULL,                       -- udp tcp tls
  src        TEXT NOT NULL,                       -- address:port the REGISTER came from
  dst        TEXT NOT NULL,                       -- local address:port it came to
  agent      TEXT NOT NULL DEFAULT '',
  expires    INTEGER NOT NULL,
  q          INTEGER NOT NULL DEFAULT 1000,
  PRIMARY KEY (ext, contact)
) WITHOUT ROWID;

-- One row a call.
CREATE TABLE calls (
  id           INTEGER PRIMARY KEY,
  company_id   INTEGER NOT NULL,
  start        INTEGER NOT NULL,
  ring         INTEGER NOT NULL DEFAULT 0,        -- ms from the first ringing to answer or end
  talk         INTEGER NOT NULL DEFAULT 0,        -- ms from answer to end
  ended        INTEGER NOT NULL DEFAULT 0,
  direction    TEXT NOT NULL,                     -- internal inbound outbound
  caller       TEXT NOT NULL,
  caller_name  TEXT NOT NULL DEFAULT '',
  callee       TEXT NOT NULL,
  caller_ext   TEXT NOT NULL DEFAULT '',
  callee_ext   TEXT NOT NULL DEFAULT '',
  transfer_to  TEXT NOT NULL DEFAULT '',
  app          TEXT NOT NULL DEFAULT '',
  trunk        TEXT NOT NULL DEFAULT '',
  state        TEXT NOT NULL,                     -- talking answered no-answer busy cancelled unreachable not-found failed interrupted
  scode        INTEGER NOT NULL DEFAULT 0,
  hangup_by    TEXT NOT NULL DEFAULT '',          -- caller callee system
  recording    TEXT NOT NULL DEFAULT '',          -- path below the recordings folder
  rec_problem  TEXT NOT NULL DEFAULT ''
);
-- Lists show the latest first, of a company or of all; an agent sees own ones; a pop and a customer's page look a number up.
CREATE INDEX calls_start ON calls(start);
CREATE INDEX calls_company_start ON calls(company_id, start);
CREATE INDEX calls_caller ON calls(caller, start);
CREATE INDEX calls_callee ON calls(callee, start);
CREATE INDEX calls_caller_ext ON calls(caller_ext, start);
CREATE INDEX calls_callee_ext ON calls(callee_ext, start);
CREATE INDEX calls_talking ON calls(id) WHERE state = 'talking';

-- What only the page of one call shows; apart, so that a search through all calls reads little.
CREATE TABLE call_details (
  call_id      INTEGER PRIMARY KEY REFERENCES calls(id) ON DELETE CASCADE,
  quality      TEXT NOT NULL DEFAULT '',          -- JSON per leg: loss, jitter, rtt, mos
  timeline     TEXT NOT NULL DEFAULT '[]'         -- JSON array of {"t":ms,"e":event,...} from start to end
);

-- Who changed what. before and after: JSON of the row, without secrets.
CREATE TABLE audit (
  id         INTEGER PRIMARY KEY,
  at         INTEGER NOT NULL,
  company_id INTEGER,
  user_id    INTEGER,
  addr       TEXT NOT NULL,
  resource   TEXT NOT NULL,
  row_id     INTEGER,
  action     TEXT NOT NULL,
  before     TEXT,
  after      TEXT
);
CREATE INDEX audit_row ON audit(resource, row_id, at);
CREATE INDEX audit_company ON audit(company_id, at);

-- What the planner is to believe about the big tables (rows, rows per value of the first column, ...), so that it takes the same, right
-- index on the first day and in the tenth year: a company says little about a row, a number much.
ANALYZE sqlite_schema;
INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES
  ('calls', 'calls_start', '1000000 1'),
  ('calls', 'calls_company_start', '1000000 500000 1'),
  ('calls', 'calls_caller', '1000000 20 1'),
  ('calls', 'calls_callee', '1000000 100 1'),
  ('calls', 'calls_caller_ext', '1000000 1000 1'),
  ('calls', 'calls_callee_ext', '1000000 1000 1'),
  ('calls', 'calls_talking', '100 1');
