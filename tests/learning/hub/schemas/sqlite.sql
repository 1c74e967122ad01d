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
INSERT INTO "answer_stats" VALUES('quality_template:elixir-production','name􏿽000000','"caf\u00e9 \ud83d\ude00"','2.4.0','one',1,0,0,0,1.0,0.0,0.0,989039105000000);
INSERT INTO "answer_stats" VALUES('quality_template:elixir-production','strategy','"one_for_one"','2.4.0','one',2,2,1,1,1.49330627892923262223e+00,1.0,4.93306278929232677743e-01,1790856000000000);
INSERT INTO "answer_stats" VALUES('quality_template:elixir-production','strategy','"one_for_one"','2.4.0','two',1,1,1,0,1.0,1.0,0.0,1790812799999999);
INSERT INTO "answer_stats" VALUES('quality_template:elixir-production','use_ets','false','2.4.0','one',1,1,0,0,1.0,0.0,0.0,989039105000000);
INSERT INTO "answer_stats" VALUES('quality_template:elixir-production','use_ets','true','2.4.0','one',2,2,1,1,1.49330627892923262223e+00,1.0,4.93306278929232677743e-01,1790856000000000);
INSERT INTO "answer_stats" VALUES('quality_template:elixir-production','use_ets','true','2.4.0','two',1,1,1,0,1.0,1.0,0.0,1790812799999999);
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
INSERT INTO "combination_stats" VALUES('*','quality_template:elixir-production','[["name\u0000","caf\u00e9 \ud83d\ude00"],["use_ets",false]]','2.4.0','one',1,0,0,0,1.0,0.0,0.0,989039105000000);
INSERT INTO "combination_stats" VALUES('*','quality_template:elixir-production','[["strategy","one_for_one"],["use_ets",true]]','2.4.0','one',2,2,1,1,1.49330627892923262223e+00,1.0,4.93306278929232677743e-01,1790856000000000);
INSERT INTO "combination_stats" VALUES('*','quality_template:elixir-production','[["strategy","one_for_one"],["use_ets",true]]','2.4.0','two',1,1,1,0,1.0,1.0,0.0,1790812799999999);
INSERT INTO "combination_stats" VALUES('["name\u0000","use_ets"]','quality_template:elixir-production','[["name\u0000","caf\u00e9 \ud83d\ude00"],["use_ets",false]]','2.4.0','one',1,0,0,0,1.0,0.0,0.0,989039105000000);
INSERT INTO "combination_stats" VALUES('["strategy","use_ets"]','quality_template:elixir-production','[["strategy","one_for_one"],["use_ets",true]]','2.4.0','one',2,2,1,1,1.49330627892923262223e+00,1.0,4.93306278929232677743e-01,1790856000000000);
INSERT INTO "combination_stats" VALUES('["strategy","use_ets"]','quality_template:elixir-production','[["strategy","one_for_one"],["use_ets",true]]','2.4.0','two',1,1,1,0,1.0,1.0,0.0,1790812799999999);
INSERT INTO "combination_stats" VALUES('[]','quality_template:elixir-production','[]','2.4.0','one',3,3,1,1,1.49330627892923262223e+00,1.0,4.93306278929232677743e-01,1790856000000000);
INSERT INTO "combination_stats" VALUES('[]','quality_template:elixir-production','[]','2.4.0','two',1,1,1,0,1.0,1.0,0.0,1790812799999999);
CREATE TABLE hub_version (number INTEGER NOT NULL);
INSERT INTO "hub_version" VALUES(1);
CREATE TABLE template_generations_global (
	id TEXT NOT NULL, 
	template_id TEXT NOT NULL, 
	template_version TEXT NOT NULL, 
	instance_id TEXT NOT NULL, 
	answers JSON NOT NULL, 
	chosen JSON, 
	failures JSON NOT NULL, 
	success BOOLEAN, 
	quality_score DOUBLE, 
	generated_at DATETIME NOT NULL, 
	received_at DATETIME NOT NULL, 
	PRIMARY KEY (id)
);
INSERT INTO "template_generations_global" VALUES('generation-1','quality_template:elixir-production','2.4.0','one','{"use_ets":true,"strategy":"one_for_one"}',NULL,'[]',1,0.9,'2026-10-01 12:00:00.000000+00:00','2026-11-21 16:51:54.346353+00:00');
INSERT INTO "template_generations_global" VALUES('generation-2','quality_template:elixir-production','2.4.0','two','{"use_ets":true,"strategy":"one_for_one"}',NULL,'[]',1,0.9,'2026-09-30 23:59:59.999999+00:00','2026-11-21 16:51:54.346375+00:00');
INSERT INTO "template_generations_global" VALUES('generation-3','quality_template:elixir-production','2.4.0','one','{"use_ets":true,"strategy":"one_for_one"}',NULL,'["ffffffffffffffffffffffffffffffff"]',0,0.9,'2026-08-31 22:00:00.000000+00:00','2026-11-21 16:51:54.346397+00:00');
INSERT INTO "template_generations_global" VALUES('generation-4','quality_template:elixir-production','2.4.0','one','{"name􏿽000000":"café 😀","use_ets":false}','["use_ets"]','[]',NULL,NULL,'2001-05-05 05:05:05.000000+00:00','2026-11-21 16:51:54.346429+00:00');
CREATE INDEX ix_generations_global_received ON template_generations_global (received_at);
CREATE INDEX ix_generations_global_template ON template_generations_global (template_id, generated_at);
COMMIT;
