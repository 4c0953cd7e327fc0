SELECT /* aishell */ PROCESSLIST_ID AS id, ATTR_VALUE AS name
FROM performance_schema.session_connect_attrs
WHERE ATTR_NAME = 'program_name' AND (%s OR PROCESSLIST_ID > %s)
