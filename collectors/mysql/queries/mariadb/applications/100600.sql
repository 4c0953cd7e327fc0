-- What clients have told of their program's name when they connected, of all sessions or of those after a number.
SELECT /* aishell */ PROCESSLIST_ID AS id, ATTR_VALUE AS name
FROM performance_schema.session_connect_attrs
WHERE ATTR_NAME = 'program_name' AND (%s OR PROCESSLIST_ID > %s)
