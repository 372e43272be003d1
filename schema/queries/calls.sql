-- name: call_put
INSERT INTO calls (id, company_id, start, ring, talk, ended, direction, caller, caller_name, callee, caller_ext, callee_ext, transfer_to, app, trunk,
  state, scode, hangup_by, recording, rec_problem)
VALUES (:id, :company_id, :start, :ring, :talk, :ended, :direction, :caller, :caller_name, :callee, :caller_ext, :callee_ext, :transfer_to, :app, :trunk,
  :state, :scode, :hangup_by, :recording, :rec_problem)
ON CONFLICT (id) DO UPDATE SET ring = excluded.ring, talk = excluded.talk, ended = excluded.ended, caller = excluded.caller,
  caller_name = excluded.caller_name, callee = excluded.callee, caller_ext = excluded.caller_ext, callee_ext = excluded.callee_ext,
  transfer_to = excluded.transfer_to, app = excluded.app, trunk = excluded.trunk, state = excluded.state, scode = excluded.scode,
  hangup_by = excluded.hangup_by, recording = excluded.recording, rec_problem = excluded.rec_problem
-- name: call_details_put
INSERT INTO call_details (call_id, quality, timeline) VALUES (:id, :quality, :timeline)
ON CONFLICT (call_id) DO UPDATE SET quality = excluded.quality, timeline = excluded.timeline
-- name: calls_talking
SELECT id, start, ring, recording FROM calls WHERE state = 'talking' ORDER BY id
-- name: call_interrupt
UPDATE calls SET state = 'interrupted', hangup_by = 'system', talk = :talk, ended = :ended WHERE id = :id
