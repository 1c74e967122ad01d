CREATE TABLE public.answer_stats (
    template_id text NOT NULL COLLATE pg_catalog."C",
    question text NOT NULL COLLATE pg_catalog."C",
    value text NOT NULL COLLATE pg_catalog."C",
    template_version text NOT NULL COLLATE pg_catalog."C",
    instance_id text NOT NULL COLLATE pg_catalog."C",
    uses bigint NOT NULL,
    chosen bigint NOT NULL,
    succeeded bigint NOT NULL,
    failed bigint NOT NULL,
    recent_uses double precision NOT NULL,
    recent_succeeded double precision NOT NULL,
    recent_failed double precision NOT NULL,
    recent_at bigint NOT NULL
);
CREATE TABLE public.combination_stats (
    questions text NOT NULL COLLATE pg_catalog."C",
    template_id text NOT NULL COLLATE pg_catalog."C",
    combination text NOT NULL COLLATE pg_catalog."C",
    template_version text NOT NULL COLLATE pg_catalog."C",
    instance_id text NOT NULL COLLATE pg_catalog."C",
    uses bigint NOT NULL,
    chosen bigint NOT NULL,
    succeeded bigint NOT NULL,
    failed bigint NOT NULL,
    recent_uses double precision NOT NULL,
    recent_succeeded double precision NOT NULL,
    recent_failed double precision NOT NULL,
    recent_at bigint NOT NULL
);
CREATE TABLE public.hub_version (
    number integer NOT NULL
);
CREATE TABLE public.template_generations_global (
    id text NOT NULL COLLATE pg_catalog."C",
    template_id text NOT NULL COLLATE pg_catalog."C",
    template_version text NOT NULL COLLATE pg_catalog."C",
    instance_id text NOT NULL COLLATE pg_catalog."C",
    answers jsonb NOT NULL,
    chosen jsonb,
    failures jsonb NOT NULL,
    success boolean,
    quality_score double precision,
    generated_at timestamp with time zone NOT NULL,
    received_at timestamp with time zone NOT NULL
);
INSERT INTO public.answer_stats VALUES ('quality_template:elixir-production', 'name􏿽000000', '"caf\u00e9 \ud83d\ude00"', '2.4.0', 'one', 1, 0, 0, 0, 1, 0, 0, 989039105000000);
INSERT INTO public.answer_stats VALUES ('quality_template:elixir-production', 'strategy', '"one_for_one"', '2.4.0', 'one', 2, 2, 1, 1, 1.4933062789292326, 1, 0.4933062789292327, 1790856000000000);
INSERT INTO public.answer_stats VALUES ('quality_template:elixir-production', 'strategy', '"one_for_one"', '2.4.0', 'two', 1, 1, 1, 0, 1, 1, 0, 1790812799999999);
INSERT INTO public.answer_stats VALUES ('quality_template:elixir-production', 'use_ets', 'false', '2.4.0', 'one', 1, 1, 0, 0, 1, 0, 0, 989039105000000);
INSERT INTO public.answer_stats VALUES ('quality_template:elixir-production', 'use_ets', 'true', '2.4.0', 'one', 2, 2, 1, 1, 1.4933062789292326, 1, 0.4933062789292327, 1790856000000000);
INSERT INTO public.answer_stats VALUES ('quality_template:elixir-production', 'use_ets', 'true', '2.4.0', 'two', 1, 1, 1, 0, 1, 1, 0, 1790812799999999);
INSERT INTO public.combination_stats VALUES ('*', 'quality_template:elixir-production', '[["name\u0000","caf\u00e9 \ud83d\ude00"],["use_ets",false]]', '2.4.0', 'one', 1, 0, 0, 0, 1, 0, 0, 989039105000000);
INSERT INTO public.combination_stats VALUES ('*', 'quality_template:elixir-production', '[["strategy","one_for_one"],["use_ets",true]]', '2.4.0', 'one', 2, 2, 1, 1, 1.4933062789292326, 1, 0.4933062789292327, 1790856000000000);
INSERT INTO public.combination_stats VALUES ('*', 'quality_template:elixir-production', '[["strategy","one_for_one"],["use_ets",true]]', '2.4.0', 'two', 1, 1, 1, 0, 1, 1, 0, 1790812799999999);
INSERT INTO public.combination_stats VALUES ('["name\u0000","use_ets"]', 'quality_template:elixir-production', '[["name\u0000","caf\u00e9 \ud83d\ude00"],["use_ets",false]]', '2.4.0', 'one', 1, 0, 0, 0, 1, 0, 0, 989039105000000);
INSERT INTO public.combination_stats VALUES ('["strategy","use_ets"]', 'quality_template:elixir-production', '[["strategy","one_for_one"],["use_ets",true]]', '2.4.0', 'one', 2, 2, 1, 1, 1.4933062789292326, 1, 0.4933062789292327, 1790856000000000);
INSERT INTO public.combination_stats VALUES ('["strategy","use_ets"]', 'quality_template:elixir-production', '[["strategy","one_for_one"],["use_ets",true]]', '2.4.0', 'two', 1, 1, 1, 0, 1, 1, 0, 1790812799999999);
INSERT INTO public.combination_stats VALUES ('[]', 'quality_template:elixir-production', '[]', '2.4.0', 'one', 3, 3, 1, 1, 1.4933062789292326, 1, 0.4933062789292327, 1790856000000000);
INSERT INTO public.combination_stats VALUES ('[]', 'quality_template:elixir-production', '[]', '2.4.0', 'two', 1, 1, 1, 0, 1, 1, 0, 1790812799999999);
INSERT INTO public.hub_version VALUES (1);
INSERT INTO public.template_generations_global VALUES ('generation-1', 'quality_template:elixir-production', '2.4.0', 'one', '{"use_ets": true, "strategy": "one_for_one"}', NULL, '[]', true, 0.9, '2026-10-01 12:00:00+00', '2026-11-21 16:52:00.690321+00');
INSERT INTO public.template_generations_global VALUES ('generation-2', 'quality_template:elixir-production', '2.4.0', 'two', '{"use_ets": true, "strategy": "one_for_one"}', NULL, '[]', true, 0.9, '2026-09-30 23:59:59.999999+00', '2026-11-21 16:52:00.690347+00');
INSERT INTO public.template_generations_global VALUES ('generation-3', 'quality_template:elixir-production', '2.4.0', 'one', '{"use_ets": true, "strategy": "one_for_one"}', NULL, '["ffffffffffffffffffffffffffffffff"]', false, 0.9, '2026-08-31 22:00:00+00', '2026-11-21 16:52:00.690369+00');
INSERT INTO public.template_generations_global VALUES ('generation-4', 'quality_template:elixir-production', '2.4.0', 'one', '{"use_ets": false, "name􏿽000000": "café 😀"}', '["use_ets"]', '[]', NULL, NULL, '2001-05-05 05:05:05+00', '2026-11-21 16:52:00.690406+00');
ALTER TABLE ONLY public.answer_stats
    ADD CONSTRAINT pk_answer_stats PRIMARY KEY (template_id, question, value, template_version, instance_id);
ALTER TABLE ONLY public.combination_stats
    ADD CONSTRAINT pk_combination_stats PRIMARY KEY (questions, template_id, combination, template_version, instance_id);
ALTER TABLE ONLY public.template_generations_global
    ADD CONSTRAINT template_generations_global_pkey PRIMARY KEY (id);
CREATE INDEX ix_generations_global_received ON public.template_generations_global USING btree (received_at);
CREATE INDEX ix_generations_global_template ON public.template_generations_global USING btree (template_id, generated_at);
