-- tlsrpt.sqlite as tlsrpt-milter 0.2.0 writes it: two sessions, and a sender with a history of TLS.
CREATE TABLE session_counts (
  id INTEGER PRIMARY KEY,
  day INTEGER NOT NULL,
  receiving_mx TEXT NOT NULL,
  client_address TEXT NOT NULL,
  client_name TEXT NOT NULL,
  outcome TEXT NOT NULL,
  tls_version TEXT NOT NULL,
  cipher TEXT NOT NULL,
  cipher_bits INTEGER NOT NULL,
  client_certificate TEXT NOT NULL,
  failure TEXT NOT NULL,
  downgraded INTEGER NOT NULL,
  sessions INTEGER NOT NULL,
  messages INTEGER NOT NULL,
  UNIQUE (day, receiving_mx, client_address, client_name, outcome, tls_version, cipher, cipher_bits,
          client_certificate, failure, downgraded)
);
CREATE TABLE domain_counts (
  session_count INTEGER NOT NULL REFERENCES session_counts (id),
  recipient_domain TEXT NOT NULL,
  sessions INTEGER NOT NULL,
  messages INTEGER NOT NULL,
  PRIMARY KEY (session_count, recipient_domain)
) WITHOUT ROWID;
CREATE TABLE folded_segments (
  id TEXT PRIMARY KEY,
  folded_at INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE waiting (
  records TEXT NOT NULL
);
CREATE TABLE senders (
  domain TEXT PRIMARY KEY,
  tls_sessions INTEGER NOT NULL,
  last_tls INTEGER NOT NULL,
  best_tls TEXT NOT NULL,
  last_downgrade INTEGER
) WITHOUT ROWID;
CREATE TABLE downgrades (
  sender TEXT NOT NULL,
  day INTEGER NOT NULL,
  sessions INTEGER NOT NULL,
  first_plaintext INTEGER NOT NULL,
  last_tls INTEGER NOT NULL,
  best_tls TEXT NOT NULL,
  tls_sessions INTEGER NOT NULL,
  PRIMARY KEY (day, sender)
) WITHOUT ROWID;
CREATE TABLE forgettings (
  number INTEGER NOT NULL
);
CREATE TABLE forgotten (
  domain TEXT PRIMARY KEY,
  forgotten_at INTEGER NOT NULL
) WITHOUT ROWID;
INSERT INTO forgettings VALUES (0);
INSERT INTO session_counts VALUES (7, 20780, 'mx.example.test', '192.0.2.1', 'mail.sender.test', 'tls', 'TLSv1.3',
  'TLS_AES_256_GCM_SHA384', 256, 'trusted', 'none', 0, 1, 2);
INSERT INTO session_counts VALUES (8, 20780, 'mx.example.test', '192.0.2.2', '', 'failed', '', '', 0, 'none', 'unknown-ca', 0, 1, 0);
INSERT INTO domain_counts VALUES (7, 'example.test', 1, 2);
INSERT INTO folded_segments VALUES ('001795500000000-0000000000000001', 1795500000000);
INSERT INTO senders VALUES ('sender.test', 12, 1795500000000, 'TLSv1.3', NULL);
PRAGMA application_id = 1398033201;
PRAGMA user_version = 3;
