-- The tables of tlsrpt-milter 0.2.0 in PostgreSQL: a session.
CREATE TABLE tlsrpt_store (version INTEGER NOT NULL);
INSERT INTO tlsrpt_store VALUES (2);
CREATE TABLE session_counts (
  day INTEGER NOT NULL,
  class UUID NOT NULL,
  receiving_mx TEXT NOT NULL,
  client_address TEXT NOT NULL,
  client_name TEXT NOT NULL,
  outcome TEXT NOT NULL,
  tls_version TEXT NOT NULL,
  cipher TEXT NOT NULL,
  cipher_bits BIGINT NOT NULL,
  client_certificate TEXT NOT NULL,
  failure TEXT NOT NULL,
  downgraded INTEGER NOT NULL,
  sessions BIGINT NOT NULL,
  messages BIGINT NOT NULL,
  PRIMARY KEY (day, class)
) WITH (fillfactor = 50);
CREATE TABLE domain_counts (
  day INTEGER NOT NULL,
  class UUID NOT NULL,
  recipient_domain TEXT NOT NULL,
  sessions BIGINT NOT NULL,
  messages BIGINT NOT NULL,
  PRIMARY KEY (day, class, recipient_domain)
) WITH (fillfactor = 50);
CREATE TABLE folded_segments (
  id TEXT PRIMARY KEY,
  writer TEXT NOT NULL,
  folded_at BIGINT NOT NULL
);
CREATE INDEX folded_segments_of_writer ON folded_segments (writer, folded_at);
CREATE TABLE waiting (
  writer TEXT PRIMARY KEY,
  records TEXT NOT NULL
);
CREATE TABLE senders (
  domain TEXT PRIMARY KEY,
  tls_sessions BIGINT NOT NULL,
  last_tls BIGINT NOT NULL,
  best_tls TEXT NOT NULL,
  last_downgrade INTEGER
) WITH (fillfactor = 50);
CREATE TABLE downgrades (
  sender TEXT NOT NULL,
  day INTEGER NOT NULL,
  sessions BIGINT NOT NULL,
  first_plaintext BIGINT NOT NULL,
  last_tls BIGINT NOT NULL,
  best_tls TEXT NOT NULL,
  tls_sessions BIGINT NOT NULL,
  PRIMARY KEY (day, sender)
) WITH (fillfactor = 50);
CREATE TABLE forgettings (
  number BIGINT NOT NULL
);
INSERT INTO forgettings VALUES (0);
CREATE TABLE forgotten (
  domain TEXT PRIMARY KEY,
  forgotten_at BIGINT NOT NULL
);
INSERT INTO session_counts VALUES (20780, '00000000-0000-0000-0000-000000000001', 'mx.example.test', '192.0.2.1',
  'mail.sender.test', 'tls', 'TLSv1.3', 'TLS_AES_256_GCM_SHA384', 256, 'trusted', 'none', 0, 1, 2);
INSERT INTO domain_counts VALUES (20780, '00000000-0000-0000-0000-000000000001', 'example.test', 1, 2);
