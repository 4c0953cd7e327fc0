"""One session class per engine; `base` holds the abilities they may have."""
