SELECT (SELECT application_id FROM pragma_application_id), (SELECT user_version FROM pragma_user_version)
