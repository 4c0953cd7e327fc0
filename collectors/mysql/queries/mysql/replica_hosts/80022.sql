-- What replicas have told of themselves when they registered.
SHOW /* aishell */ REPLICAS
