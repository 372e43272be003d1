-- Numbers lead anywhere: limits against toll fraud, messages.
ALTER TABLE extensions ADD COLUMN out_calls INTEGER NOT NULL DEFAULT 2 CONSTRAINT out_calls CHECK (out_calls BETWEEN 0 AND 100); -- outside calls at a time; 0 = no limit
ALTER TABLE extensions ADD COLUMN out_hour INTEGER NOT NULL DEFAULT 120 CONSTRAINT out_hour CHECK (out_hour BETWEEN 0 AND 10000); -- outside calls an hour; 0 = no limit

CREATE TABLE voicemail_messages (
  id         INTEGER PRIMARY KEY,
  company_id INTEGER NOT NULL REFERENCES companies(id),
  box_id     INTEGER NOT NULL REFERENCES voicemail_boxes(id) ON DELETE CASCADE,
  at         INTEGER NOT NULL,                    -- epoch ms
  caller     TEXT NOT NULL,
  length     INTEGER NOT NULL,                    -- ms
  file       TEXT NOT NULL,                       -- path below the recordings folder
  heard      INTEGER NOT NULL DEFAULT 0,          -- 1: somebody has listened to it
  call_id    INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX voicemail_messages_company ON voicemail_messages(company_id, at);
CREATE INDEX voicemail_messages_box ON voicemail_messages(box_id, heard, at);
