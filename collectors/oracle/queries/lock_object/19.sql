-- The name of an object that a lock is on.
SELECT /* aishell */ o.owner AS owner, o.object_name AS object_name, o.subobject_name AS subobject_name
FROM dba_objects o
WHERE o.object_id = :object_id
