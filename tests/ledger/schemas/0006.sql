BEGIN TRANSACTION;
CREATE TABLE answer_stats (
	template_id TEXT NOT NULL, 
	question TEXT NOT NULL, 
	value TEXT NOT NULL, 
	template_version TEXT NOT NULL, 
	instance_id TEXT NOT NULL, 
	uses BIGINT NOT NULL, 
	chosen BIGINT NOT NULL, 
	succeeded BIGINT NOT NULL, 
	failed BIGINT NOT NULL, 
	recent_uses DOUBLE NOT NULL, 
	recent_succeeded DOUBLE NOT NULL, 
	recent_failed DOUBLE NOT NULL, 
	recent_at BIGINT NOT NULL, 
	CONSTRAINT pk_answer_stats PRIMARY KEY (template_id, question, value, template_version, instance_id)
)
 WITHOUT ROWID

;
INSERT INTO "answer_stats" VALUES('quality_template:python-production','ttl','300','1.0.0','local',1,1,1,0,1.0,1.0,0.0,1767254400000000);
CREATE TABLE artifact_aliases (
	artifact_id TEXT NOT NULL, 
	alias TEXT NOT NULL, 
	tree_hash TEXT NOT NULL, 
	share DOUBLE NOT NULL, 
	since DATETIME NOT NULL, 
	CONSTRAINT pk_artifact_aliases PRIMARY KEY (artifact_id, alias), 
	CONSTRAINT fk_artifact_aliases_artifact_id_tree_hash FOREIGN KEY(artifact_id, tree_hash) REFERENCES artifact_versions (artifact_id, tree_hash)
);
INSERT INTO "artifact_aliases" VALUES('tool:calculator','current','5b960180c7227f19cce594186e3ee2bc2e56a633808b58403fc6e4d17500ce2a',0.25,'2026-03-02 08:00:00.000000');
CREATE TABLE artifact_versions (
	artifact_id TEXT NOT NULL, 
	tree_hash TEXT NOT NULL, 
	position INTEGER NOT NULL, 
	version TEXT NOT NULL, 
	parent TEXT NOT NULL, 
	made_by TEXT NOT NULL, 
	why TEXT NOT NULL, 
	made_at DATETIME NOT NULL, 
	CONSTRAINT pk_artifact_versions PRIMARY KEY (artifact_id, tree_hash), 
	CONSTRAINT fk_artifact_versions_artifact_id FOREIGN KEY(artifact_id) REFERENCES artifacts (id), 
	CONSTRAINT fk_artifact_versions_tree_hash FOREIGN KEY(tree_hash) REFERENCES trees (hash)
);
INSERT INTO "artifact_versions" VALUES('tool:calculator','5b960180c7227f19cce594186e3ee2bc2e56a633808b58403fc6e4d17500ce2a',1,'1.0.1','ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff','guard','b may be 0','2026-03-01 08:00:00.000000');
CREATE TABLE artifacts (
	id TEXT NOT NULL, 
	kind TEXT NOT NULL, 
	name TEXT NOT NULL, 
	created_at DATETIME NOT NULL, 
	CONSTRAINT pk_artifacts PRIMARY KEY (id)
);
INSERT INTO "artifacts" VALUES('tool:calculator','tool','calculator','2026-11-21 19:56:56.175527');
CREATE TABLE attempts (
	generation_id VARCHAR(36) NOT NULL, 
	position INTEGER NOT NULL, 
	number INTEGER NOT NULL, 
	tree_hash TEXT NOT NULL, 
	sandbox TEXT NOT NULL, 
	draft TEXT NOT NULL, 
	patterns TEXT NOT NULL, 
	CONSTRAINT pk_attempts PRIMARY KEY (generation_id, position), 
	CONSTRAINT fk_attempts_generation_id FOREIGN KEY(generation_id) REFERENCES template_generations (id), 
	CONSTRAINT fk_attempts_tree_hash FOREIGN KEY(tree_hash) REFERENCES trees (hash)
);
INSERT INTO "attempts" VALUES('0a1b2c3d-0000-4000-8000-000000000001',0,1,'5b960180c7227f19cce594186e3ee2bc2e56a633808b58403fc6e4d17500ce2a','bubblewrap','{"tree_hash":"5b960180c7227f19cce594186e3ee2bc2e56a633808b58403fc6e4d17500ce2a","slots":[{"path":"cache.py","slot":"body","body":"pass"}],"refused":[],"fixes":[]}','["long"]');
CREATE TABLE blobs (
	hash TEXT NOT NULL, 
	codec TEXT NOT NULL, 
	size BIGINT NOT NULL, 
	content BLOB NOT NULL, 
	CONSTRAINT pk_blobs PRIMARY KEY (hash)
);
INSERT INTO "blobs" VALUES('a5a8193bd2fcc8ce86c0fb7c2d42c3b6b765290e192cb29ec65f6628243d39df','zlib',33,X'789C737674F67055B055A8AEE572C6CA04008FC1087A');
INSERT INTO "blobs" VALUES('a8076d3d28d21e02012b20eaf7dbf75409a6277134439025f282e368e3305abf','raw',10,X'23212F62696E2F73680A');
CREATE TABLE check_results (
	generation_id VARCHAR(36) NOT NULL, 
	attempt INTEGER NOT NULL, 
	position INTEGER NOT NULL, 
	check_name TEXT NOT NULL, 
	verdict TEXT NOT NULL, 
	required BOOLEAN NOT NULL, 
	weight DOUBLE NOT NULL, 
	output TEXT NOT NULL, 
	exit_code BIGINT, 
	ended_by TEXT NOT NULL, 
	wall_seconds DOUBLE NOT NULL, 
	cpu_seconds DOUBLE NOT NULL, 
	peak_bytes BIGINT NOT NULL, 
	cached BOOLEAN NOT NULL, 
	CONSTRAINT pk_check_results PRIMARY KEY (generation_id, attempt, position), 
	CONSTRAINT fk_check_results_generation_id_attempt FOREIGN KEY(generation_id, attempt) REFERENCES attempts (generation_id, position)
);
INSERT INTO "check_results" VALUES('0a1b2c3d-0000-4000-8000-000000000001',0,0,'tests','passed',1,4.0,'1 passed',0,'exit',0.0,0.0,0,0);
CREATE TABLE combination_stats (
	questions TEXT NOT NULL, 
	template_id TEXT NOT NULL, 
	combination TEXT NOT NULL, 
	template_version TEXT NOT NULL, 
	instance_id TEXT NOT NULL, 
	uses BIGINT NOT NULL, 
	chosen BIGINT NOT NULL, 
	succeeded BIGINT NOT NULL, 
	failed BIGINT NOT NULL, 
	recent_uses DOUBLE NOT NULL, 
	recent_succeeded DOUBLE NOT NULL, 
	recent_failed DOUBLE NOT NULL, 
	recent_at BIGINT NOT NULL, 
	CONSTRAINT pk_combination_stats PRIMARY KEY (questions, template_id, combination, template_version, instance_id)
)
 WITHOUT ROWID

;
INSERT INTO "combination_stats" VALUES('[]','quality_template:python-production','[]','1.0.0','local',1,1,1,0,1.0,1.0,0.0,1767254400000000);
CREATE TABLE execution_logs (
	id TEXT NOT NULL, 
	artifact_kind TEXT NOT NULL, 
	artifact_name TEXT NOT NULL, 
	tree_hash TEXT NOT NULL, 
	inputs TEXT NOT NULL, 
	output TEXT NOT NULL, 
	error TEXT NOT NULL, 
	message TEXT NOT NULL, 
	seconds DOUBLE NOT NULL, 
	money DOUBLE NOT NULL, 
	instance_id TEXT NOT NULL, 
	executed_at DATETIME NOT NULL, 
	CONSTRAINT pk_execution_logs PRIMARY KEY (id)
);
INSERT INTO "execution_logs" VALUES('execution-1','tool','calculator','5b960180c7227f19cce594186e3ee2bc2e56a633808b58403fc6e4d17500ce2a','{"a":1,"b":0}','null','ZeroDivisionError','division by zero',0.5,0.25,'local','2026-03-01 07:00:00.000000');
CREATE TABLE experiments (
	id TEXT NOT NULL, 
	campaign TEXT NOT NULL, 
	number INTEGER NOT NULL, 
	artifact_id TEXT NOT NULL, 
	tree_hash TEXT NOT NULL, 
	strategy TEXT NOT NULL, 
	status TEXT NOT NULL, 
	reason TEXT NOT NULL, 
	simulated BOOLEAN NOT NULL, 
	decided_by TEXT NOT NULL, 
	money DOUBLE NOT NULL, 
	started_at DATETIME NOT NULL, 
	updated_at DATETIME NOT NULL, 
	candidate TEXT NOT NULL, 
	opportunity TEXT NOT NULL, 
	verdict TEXT NOT NULL, 
	CONSTRAINT pk_experiments PRIMARY KEY (id)
);
INSERT INTO "experiments" VALUES('experiment-1','improve-1',2,'tool:calculator','5b960180c7227f19cce594186e3ee2bc2e56a633808b58403fc6e4d17500ce2a','SHADOW','released','It was better.',0,'gate',0.25,'2026-03-01 08:00:00.000000','2026-03-02 08:00:00.000000','{"artifact":{"kind":"tool","name":"calculator"},"parent":"ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff","tree_hash":"5b960180c7227f19cce594186e3ee2bc2e56a633808b58403fc6e4d17500ce2a","version":"1.0.1","operator":"guard","description":"Refuse 0","aims_at":["long"],"edits":[{"path":"a","search":"b","replace":"c"}]}','{"artifact":{"kind":"tool","name":"calculator"},"tree_hash":"ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff","version":"1.0.0","kind":"failing","uses":40,"measured":0.5,"low":0.35,"high":0.65,"against":0.8,"gain":20.0,"patterns":[{"pattern_id":"long","check":"","kind":"E501","seen":20,"example":""}],"bad_answers":[{"answers":{"b":0},"uses":20,"failed":20,"lift":9.5,"p_value":0.001}],"examples":["execution-1"],"why":"It fails on 0."}','{"decision":"release","sentence":"Better.","pairs":0,"wins":0,"losses":0,"before":0.0,"after":0.0,"confidence":0.0,"reasons":["a"],"numbers":{"n":4.0}}');
CREATE TABLE failure_fixes (
	pattern_id TEXT NOT NULL, 
	id TEXT NOT NULL, 
	added BIGINT NOT NULL, 
	position INTEGER NOT NULL, 
	description TEXT NOT NULL, 
	edits TEXT NOT NULL, 
	command TEXT NOT NULL, 
	tried BIGINT NOT NULL, 
	worked BIGINT NOT NULL, 
	CONSTRAINT pk_failure_fixes PRIMARY KEY (pattern_id, id), 
	CONSTRAINT fk_failure_fixes_pattern_id FOREIGN KEY(pattern_id) REFERENCES failure_patterns (id)
);
INSERT INTO "failure_fixes" VALUES('long','wrap',1,0,'Wrap','[{"path":"a","search":"b","replace":"c"}]','',0,0);
CREATE TABLE failure_patterns (
	id TEXT NOT NULL, 
	added BIGINT NOT NULL, 
	signature TEXT NOT NULL, 
	check_name TEXT NOT NULL, 
	language TEXT NOT NULL, 
	kind TEXT NOT NULL, 
	example TEXT NOT NULL, 
	seen BIGINT NOT NULL, 
	vector BLOB NOT NULL, 
	embedder TEXT NOT NULL, 
	first_seen_at DATETIME NOT NULL, 
	last_seen_at DATETIME NOT NULL, 
	CONSTRAINT pk_failure_patterns PRIMARY KEY (id)
);
INSERT INTO "failure_patterns" VALUES('long',1,'E501','lint','python','E501','too long',1,X'0000803F','words','2026-11-21 14:46:50.591533','2026-11-21 14:46:50.615451');
CREATE TABLE judgements (
	template_id TEXT NOT NULL, 
	question TEXT NOT NULL, 
	"key" TEXT NOT NULL, 
	body TEXT NOT NULL, 
	uses BIGINT NOT NULL, 
	CONSTRAINT pk_judgements PRIMARY KEY (template_id, question, "key")
)
 WITHOUT ROWID

;
INSERT INTO "judgements" VALUES('quality_template:python-production','use_cache','00000000000000000000000000000000','{"score":1.5,"number":2}',1);
CREATE TABLE leases (
	name TEXT NOT NULL, 
	holder TEXT NOT NULL, 
	until BIGINT NOT NULL, 
	CONSTRAINT pk_leases PRIMARY KEY (name)
);
INSERT INTO "leases" VALUES('improve','one',1795291076194009);
CREATE TABLE ledger_version (version_num VARCHAR(32) NOT NULL, CONSTRAINT ledger_version_pkc PRIMARY KEY (version_num));
INSERT INTO "ledger_version" VALUES('0006');
CREATE TABLE migration_scripts (
	migration_id TEXT NOT NULL, 
	position INTEGER NOT NULL, 
	script TEXT NOT NULL, 
	version TEXT NOT NULL, 
	stage TEXT NOT NULL, 
	command TEXT NOT NULL, 
	succeeded BOOLEAN NOT NULL, 
	idempotent BOOLEAN NOT NULL, 
	changed TEXT NOT NULL, 
	seconds DOUBLE NOT NULL, 
	output TEXT NOT NULL, 
	CONSTRAINT pk_migration_scripts PRIMARY KEY (migration_id, position), 
	CONSTRAINT fk_migration_scripts_migration_id FOREIGN KEY(migration_id) REFERENCES template_migrations (id)
);
INSERT INTO "migration_scripts" VALUES('upgrade-1',0,'5c21','1.5.0','before','mv old.py cache.py',1,0,'["cache.py","old.py"]',0.5,'moved');
CREATE TABLE model_calls (
	id INTEGER NOT NULL, 
	run_id TEXT NOT NULL, 
	request_hash TEXT NOT NULL, 
	purpose TEXT NOT NULL, 
	model TEXT NOT NULL, 
	prompt TEXT NOT NULL, 
	reply TEXT NOT NULL, 
	prompt_tokens BIGINT NOT NULL, 
	completion_tokens BIGINT NOT NULL, 
	money DOUBLE NOT NULL, 
	seconds DOUBLE NOT NULL, 
	attempts INTEGER NOT NULL, 
	error TEXT NOT NULL, 
	called_at DATETIME NOT NULL, 
	CONSTRAINT pk_model_calls PRIMARY KEY (id)
);
INSERT INTO "model_calls" VALUES(1,'run-1','hash','slots','m','{"a":1}','pass',100,20,0.25,1.5,1,'','2026-11-21 14:46:50.637775');
CREATE TABLE outbox (
	sequence INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	generation_id VARCHAR(36) NOT NULL, 
	instance_id TEXT NOT NULL, 
	payload BLOB NOT NULL, 
	parked_for TEXT
);
INSERT INTO "outbox" VALUES(1,'0a1b2c3d-0000-4000-8000-000000000001','local',X'7B226964223A2230613162326333642D303030302D343030302D383030302D303030303030303030303031227D',NULL);
CREATE TABLE releases (
	id TEXT NOT NULL, 
	experiment TEXT NOT NULL, 
	artifact_id TEXT NOT NULL, 
	tree_before TEXT NOT NULL, 
	tree_after TEXT NOT NULL, 
	status TEXT NOT NULL, 
	share DOUBLE NOT NULL, 
	backup TEXT NOT NULL, 
	reason TEXT NOT NULL, 
	released_at DATETIME NOT NULL, 
	updated_at DATETIME NOT NULL, 
	CONSTRAINT pk_releases PRIMARY KEY (id)
);
INSERT INTO "releases" VALUES('release-1','experiment-1','tool:calculator','ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff','5b960180c7227f19cce594186e3ee2bc2e56a633808b58403fc6e4d17500ce2a','watching',1.0,'/tools/calculator.py.backup-20260301T080000Z','','2026-03-02 08:00:00.000000','2026-03-02 09:00:00.000000');
CREATE TABLE revisions (
	name TEXT NOT NULL, 
	number BIGINT NOT NULL, 
	CONSTRAINT pk_revisions PRIMARY KEY (name)
);
INSERT INTO "revisions" VALUES('patterns',2);
CREATE TABLE runs (
	id TEXT NOT NULL, 
	graph TEXT NOT NULL, 
	order_placed TEXT NOT NULL, 
	status TEXT NOT NULL, 
	started_at DATETIME NOT NULL, 
	updated_at DATETIME NOT NULL, 
	generation_id TEXT NOT NULL, 
	error TEXT NOT NULL, 
	CONSTRAINT pk_runs PRIMARY KEY (id)
);
INSERT INTO "runs" VALUES('run-1','generate','{"task":"An async TTL cache","template":"","ref":"","output":".","answers":[],"interactive":false,"trust":false,"force":false,"dry_run":false,"keep_failed":"","unconfined":false,"secrets":[],"pre_releases":false}','done','2026-01-01 08:00:00.000000','2026-11-21 14:46:50.626460','0a1b2c3d-0000-4000-8000-000000000001','');
INSERT INTO "runs" VALUES('upgrade-1','upgrade','{"folder":"/out","answers_file":".template-answers.yml","file":"","to":"2.0.0","from_version":"","template":"","answers":[],"test":"","conflicts":"markers","interactive":false,"trust":false,"force":false,"seen_clean":false,"dry_run":false,"allow_downgrade":false,"pre_releases":false,"skip_tasks":false,"unconfined":false,"secrets":[]}','done','2026-02-01 08:00:00.000000','2026-11-21 14:46:50.646209','0a1b2c3d-0000-4000-8000-000000000002','');
CREATE TABLE template_generations (
	id VARCHAR(36) NOT NULL, 
	template_id TEXT NOT NULL, 
	template_version TEXT NOT NULL, 
	file_path TEXT NOT NULL, 
	answers JSON NOT NULL, 
	success BOOLEAN, 
	quality_score DOUBLE, 
	instance_id TEXT NOT NULL, 
	generated_at DATETIME NOT NULL, 
	inserted_at DATETIME NOT NULL, 
	updated_at DATETIME NOT NULL, 
	run_id TEXT NOT NULL, 
	task TEXT NOT NULL, 
	template_tree TEXT NOT NULL, 
	template_origin TEXT NOT NULL, 
	template_ref TEXT NOT NULL, 
	template_trusted BOOLEAN NOT NULL, 
	template_language TEXT NOT NULL, 
	answer_records TEXT NOT NULL, 
	output TEXT NOT NULL, 
	tree_hash TEXT NOT NULL, 
	recalled TEXT NOT NULL, 
	calls INTEGER NOT NULL, 
	tokens BIGINT NOT NULL, 
	money DOUBLE NOT NULL, 
	model_seconds DOUBLE NOT NULL, 
	seconds DOUBLE NOT NULL, 
	CONSTRAINT pk_template_generations PRIMARY KEY (id), 
	CONSTRAINT fk_template_generations_tree_hash FOREIGN KEY(tree_hash) REFERENCES trees (hash)
);
INSERT INTO "template_generations" VALUES('0a1b2c3d-0000-4000-8000-000000000001','quality_template:python-production','1.0.0','/out','{"ttl": 300}',1,1.0,'local','2026-01-01 08:00:00.000000','2026-11-21 14:46:50.604076','2026-11-21 14:46:50.604076','run-1','An async TTL cache','0000000000000000000000000000000000000000000000000000000000000000','builtin','',0,'python','[{"name":"ttl","value":300,"source":"task","confidence":0.9,"evidence":"5 minutes","secret":false,"computed":false,"closed":true},{"name":"token","value":"<secret>","source":"user","confidence":1.0,"evidence":"","secret":true,"computed":false,"closed":false}]','/out','5b960180c7227f19cce594186e3ee2bc2e56a633808b58403fc6e4d17500ce2a','["long"]',1,120,0.25,1.5,2.5);
CREATE TABLE template_migrations (
	id TEXT NOT NULL, 
	template_id TEXT NOT NULL, 
	from_version TEXT NOT NULL, 
	to_version TEXT NOT NULL, 
	output TEXT NOT NULL, 
	answers_file TEXT NOT NULL, 
	generation_before TEXT NOT NULL, 
	generation_after TEXT NOT NULL, 
	outcome TEXT NOT NULL, 
	instance_id TEXT NOT NULL, 
	migrated_at DATETIME NOT NULL, 
	inserted_at DATETIME NOT NULL, 
	updated_at DATETIME NOT NULL, 
	changed INTEGER NOT NULL, 
	conflicts TEXT NOT NULL, 
	rungs TEXT NOT NULL, 
	proof TEXT NOT NULL, 
	seconds DOUBLE NOT NULL, 
	error TEXT NOT NULL, 
	CONSTRAINT pk_template_migrations PRIMARY KEY (id)
);
INSERT INTO "template_migrations" VALUES('upgrade-1','quality_template:python-production','1.0.0','2.0.0','/out','.template-answers.yml','0a1b2c3d-0000-4000-8000-000000000001','0a1b2c3d-0000-4000-8000-000000000002','conflicts','local','2026-02-01 08:00:00.000000','2026-11-21 14:46:50.651180','2026-11-21 14:46:50.651180',2,'["cache.py"]','{"git":1}','{"results":[{"check":"tests","verdict":"passed","required":true,"weight":4.0,"output":"1 passed","exit_code":0,"ended_by":"exit","wall_seconds":0.0,"cpu_seconds":0.0,"peak_bytes":0,"cached":false}],"sandbox":"bubblewrap"}',1.5,'');
CREATE TABLE tree_files (
	tree_hash TEXT NOT NULL, 
	path TEXT NOT NULL, 
	mode TEXT NOT NULL, 
	blob_hash TEXT NOT NULL, 
	CONSTRAINT pk_tree_files PRIMARY KEY (tree_hash, path), 
	CONSTRAINT fk_tree_files_tree_hash FOREIGN KEY(tree_hash) REFERENCES trees (hash), 
	CONSTRAINT fk_tree_files_blob_hash FOREIGN KEY(blob_hash) REFERENCES blobs (hash)
);
INSERT INTO "tree_files" VALUES('5b960180c7227f19cce594186e3ee2bc2e56a633808b58403fc6e4d17500ce2a','cache.py','file','a5a8193bd2fcc8ce86c0fb7c2d42c3b6b765290e192cb29ec65f6628243d39df');
INSERT INTO "tree_files" VALUES('5b960180c7227f19cce594186e3ee2bc2e56a633808b58403fc6e4d17500ce2a','run.sh','executable','a8076d3d28d21e02012b20eaf7dbf75409a6277134439025f282e368e3305abf');
CREATE TABLE trees (
	hash TEXT NOT NULL, 
	files INTEGER NOT NULL, 
	kept_at DATETIME NOT NULL, 
	CONSTRAINT pk_trees PRIMARY KEY (hash)
);
INSERT INTO "trees" VALUES('5b960180c7227f19cce594186e3ee2bc2e56a633808b58403fc6e4d17500ce2a',2,'2026-11-21 14:46:50.564669');
CREATE TABLE trial_cases (
	artifact_id TEXT NOT NULL, 
	case_id TEXT NOT NULL, 
	position INTEGER NOT NULL, 
	origin TEXT NOT NULL, 
	body TEXT NOT NULL, 
	kept_at DATETIME NOT NULL, 
	CONSTRAINT pk_trial_cases PRIMARY KEY (artifact_id, case_id)
);
INSERT INTO "trial_cases" VALUES('tool:calculator','case-1',1,'regression','{"id":"case-1","origin":"regression","name":"","task":"","inputs":{"a":1,"b":[0]},"assertions":[{"kind":"equals","value":{"is":null},"path":"","negate":false,"weight":1.0,"required":true}],"slice":"","threshold":1.0,"repeats":1}','2026-11-21 19:56:56.187653');
CREATE TABLE trials (
	trial_of TEXT NOT NULL, 
	"key" TEXT NOT NULL, 
	position INTEGER NOT NULL, 
	tree_hash TEXT NOT NULL, 
	case_id TEXT NOT NULL, 
	repeat INTEGER NOT NULL, 
	verdict TEXT NOT NULL, 
	score DOUBLE NOT NULL, 
	seconds DOUBLE NOT NULL, 
	money DOUBLE NOT NULL, 
	quality DOUBLE, 
	result TEXT NOT NULL, 
	tried_at DATETIME NOT NULL, 
	CONSTRAINT pk_trials PRIMARY KEY (trial_of, "key")
);
INSERT INTO "trials" VALUES('experiment-1','key',1,'5b960180c7227f19cce594186e3ee2bc2e56a633808b58403fc6e4d17500ce2a','case-1',0,'passed',1.0,0.0,0.0,0.5,'{"case_id":"case-1","tree_hash":"5b960180c7227f19cce594186e3ee2bc2e56a633808b58403fc6e4d17500ce2a","repeat":0,"verdict":"passed","score":1.0,"assertions":[{"kind":"equals","passed":true,"score":1.0,"required":true,"weight":1.0,"said":""}],"output":"","output_hash":"","seconds":0.0,"money":0.0,"quality":0.5,"cached":false}','2026-11-21 19:56:56.185972');
CREATE TABLE verdicts (
	"key" TEXT NOT NULL, 
	result TEXT NOT NULL, 
	kept_at DATETIME NOT NULL, 
	CONSTRAINT pk_verdicts PRIMARY KEY ("key")
);
INSERT INTO "verdicts" VALUES('key','{"check":"tests","verdict":"passed","required":true,"weight":4.0,"output":"1 passed","exit_code":0,"ended_by":"exit","wall_seconds":0.0,"cpu_seconds":0.0,"peak_bytes":0,"cached":false}','2026-11-21 14:46:50.629673');
CREATE INDEX ix_runs_started_at ON runs (started_at);
CREATE INDEX ix_model_calls_run_id_request_hash ON model_calls (run_id, request_hash);
CREATE UNIQUE INDEX ix_failure_patterns_added ON failure_patterns (added);
CREATE INDEX ix_failure_patterns_embedder ON failure_patterns (embedder, added);
CREATE INDEX ix_template_migrations_migrated_at ON template_migrations (migrated_at);
CREATE INDEX ix_template_migrations_output ON template_migrations (output);
CREATE INDEX ix_tree_files_blob_hash ON tree_files (blob_hash);
CREATE INDEX ix_template_generations_file_path ON template_generations (file_path);
CREATE INDEX ix_template_generations_instance_id ON template_generations (instance_id);
CREATE INDEX ix_template_generations_template_id_template_version ON template_generations (template_id, template_version);
CREATE INDEX ix_template_generations_output ON template_generations (output);
CREATE INDEX ix_template_generations_generated_at ON template_generations (generated_at);
CREATE INDEX ix_template_generations_run_id ON template_generations (run_id);
CREATE INDEX ix_template_generations_template_id ON template_generations (template_id);
CREATE INDEX ix_check_results_check_name ON check_results (check_name);
CREATE VIEW generation_files AS SELECT g.id AS generation_id, f.path, f.mode, f.blob_hash FROM template_generations g JOIN tree_files f ON f.tree_hash = g.tree_hash;
CREATE INDEX ix_outbox_instance_id_sequence ON outbox (instance_id, sequence);
CREATE INDEX ix_experiments_campaign ON experiments (campaign);
CREATE INDEX ix_experiments_status ON experiments (status);
CREATE INDEX ix_experiments_started_at ON experiments (started_at);
CREATE INDEX ix_experiments_artifact_id_tree_hash ON experiments (artifact_id, tree_hash);
CREATE INDEX ix_trials_key ON trials ("key");
CREATE INDEX ix_releases_experiment ON releases (experiment);
CREATE INDEX ix_releases_artifact_id ON releases (artifact_id);
CREATE INDEX ix_releases_released_at ON releases (released_at);
CREATE INDEX ix_execution_logs_executed_at ON execution_logs (executed_at);
CREATE INDEX ix_execution_logs_artifact_kind_artifact_name_executed_at ON execution_logs (artifact_kind, artifact_name, executed_at);
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('outbox',1);
COMMIT;
