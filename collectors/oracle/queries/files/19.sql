-- Size of all files of the database: data, temporary, redo log with its members, control.
SELECT /* aishell */ SUM(f.bytes) AS bytes
FROM (
    SELECT d.bytes AS bytes FROM v$datafile d
    UNION ALL
    SELECT t.bytes AS bytes FROM v$tempfile t
    UNION ALL
    SELECT l.bytes * l.members AS bytes FROM v$log l
    UNION ALL
    SELECT c.block_size * c.file_size_blks AS bytes FROM v$controlfile c
) f
