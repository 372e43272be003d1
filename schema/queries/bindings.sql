-- name: binding_put
INSERT INTO bindings (ext, contact, instance, reg_id, callid, cseq, path, tp, src, dst, agent, expires, q)
VALUES (:ext, :contact, :instance, :reg_id, :callid, :cseq, :path, :tp, :src, :dst, :agent, :expires, :q)
ON CONFLICT (ext, contact) DO UPDATE SET instance = excluded.instance, reg_id = excluded.reg_id, callid = excluded.callid,
  cseq = excluded.cseq, path = excluded.path, tp = excluded.tp, src = excluded.src, dst = excluded.dst, agent = excluded.agent,
  expires = excluded.expires, q = excluded.q
-- name: binding_del
DELETE FROM bindings WHERE ext = :ext AND contact = :contact
-- name: binding_purge
DELETE FROM bindings WHERE expires <= :now
-- name: binding_list
SELECT ext, contact, instance, reg_id, callid, cseq, path, tp, src, dst, agent, expires, q FROM bindings WHERE expires > :now
