-- Settings as they are in force.
SELECT /* aishell */
    p.name AS name, p.display_value AS value, p.isdefault AS is_default, p.ismodified AS modified, p.issys_modifiable AS modifiable,
    p.isdeprecated AS deprecated
FROM v$system_parameter p
ORDER BY p.name
