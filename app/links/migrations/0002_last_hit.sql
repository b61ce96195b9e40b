-- NULL until the link is followed; for older links also until it is followed again.
ALTER TABLE links ADD COLUMN last_hit_at INTEGER;
