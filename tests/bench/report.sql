-- name: coverage
-- What became of each captured exchange, and how often each side failed, by segment of the exchange.
SELECT e.segment, i.failure AS incumbent, c.failure AS candidate, count(*) AS exchanges,
       sum(1 / e.inclusion_probability) AS requests
FROM exchanges AS e
JOIN replies AS i ON i.exchange_id = e.id AND i.arm_id = :incumbent
LEFT JOIN replies AS c ON c.exchange_id = e.id AND c.arm_id = :arm
WHERE e.pilot_id = :pilot AND e.reason = 'captured' AND e.closed_at IS NOT NULL AND e.sample_point < 1
    AND e.arrived_at >= :start AND e.arrived_at < :until
GROUP BY 1, 2, 3 ORDER BY 1, 2, 3;

-- name: sums
-- The seven sums of the conversations' win rates, by segment and day of the conversation's first exchange.
WITH graded AS (
    SELECT exchange_id, avg(value) AS value FROM grades
    WHERE pilot_id = :pilot AND arm_id = :arm AND grader = 'judge' AND rater = 'gpt-4' AND value IS NOT NULL GROUP BY exchange_id
), counted AS (
    SELECT e.id, e.conversation_id, e.segment, e.arrived_at, e.inclusion_probability,
           CASE WHEN p.rule = 'grader' THEN g.value ELSE p.preference END AS value
    FROM exchanges AS e
    JOIN pairs AS p ON p.exchange_id = e.id AND p.arm_id = :arm AND p.state = 'settled'
    LEFT JOIN graded AS g ON g.exchange_id = e.id
    WHERE e.pilot_id = :pilot AND e.reason = 'captured' AND e.closed_at IS NOT NULL AND e.sample_point < 1
        AND e.arrived_at >= :start AND e.arrived_at < :until
), conversations AS (
    SELECT conversation_id, (array_agg(segment ORDER BY arrived_at))[1] AS segment, min(arrived_at) AS began,
           avg(value) AS x, avg(1 / inclusion_probability) FILTER (WHERE value IS NOT NULL) AS w
    FROM counted GROUP BY conversation_id
)
SELECT segment, floor(extract(epoch FROM began - :start) / 86400)::int + 1 AS day, count(x) AS n, sum(w), sum(w * w),
       sum(w * x), sum(w * x * x), sum(w * w * x), sum(w * w * x * x)
FROM conversations WHERE x IS NOT NULL GROUP BY 1, 2 ORDER BY 1, 2;

-- name: orders
-- Pairs whose orders were both answered, how many name the same winner, how many the other one, and the ties.
WITH orders AS (
    SELECT exchange_id, avg(value) AS value, count(*) AS answers,
           sign(max(value) FILTER (WHERE shown_first = 'incumbent') - 0.5) AS one,
           sign(max(value) FILTER (WHERE shown_first = 'qwen') - 0.5) AS other
    FROM grades WHERE pilot_id = :pilot AND arm_id = :arm AND grader = 'judge' AND rater = 'gpt-4' AND value IS NOT NULL
    GROUP BY exchange_id
)
SELECT count(*) FILTER (WHERE p.rule = 'grader' AND o.answers = 2) AS both_orders,
       count(*) FILTER (WHERE p.rule = 'grader' AND o.one = o.other) AS same_winner,
       count(*) FILTER (WHERE p.rule = 'grader' AND o.one * o.other < 0) AS flips,
       count(*) FILTER (WHERE CASE WHEN p.rule = 'grader' THEN o.value = 0.5 AND NOT o.one * o.other < 0
                                   ELSE p.preference = 0.5 END) AS ties
FROM pairs AS p LEFT JOIN orders AS o ON o.exchange_id = p.exchange_id
WHERE p.pilot_id = :pilot AND p.arm_id = :arm AND p.state = 'settled';

-- name: percentiles
-- The percentiles of both sides' times.
SELECT r.arm_id, percentile_disc(ARRAY[0.5, 0.95, 0.99]) WITHIN GROUP (ORDER BY r.ttft_any_seconds) AS ttft_any_seconds,
       percentile_disc(ARRAY[0.5, 0.95, 0.99]) WITHIN GROUP (ORDER BY r.ttft_visible_seconds) AS ttft_visible_seconds,
       percentile_disc(ARRAY[0.5, 0.95, 0.99]) WITHIN GROUP (ORDER BY r.total_seconds) AS total_seconds,
       percentile_disc(ARRAY[0.5, 0.95, 0.99]) WITHIN GROUP (
           ORDER BY CASE WHEN r.output_tokens >= 2 THEN (r.total_seconds - r.ttft_any_seconds) / (r.output_tokens - 1) END
       ) AS tpot_seconds
FROM replies AS r JOIN exchanges AS e ON e.id = r.exchange_id
WHERE r.pilot_id = :pilot AND r.failure IS NULL AND coalesce(r.lag_seconds, 0) <= 0.005
    AND e.reason = 'captured' AND e.closed_at IS NOT NULL AND e.sample_point < 1
    AND e.arrived_at >= :start AND e.arrived_at < :until
GROUP BY r.arm_id ORDER BY r.arm_id;

-- name: tokens
-- What the replies read and wrote, by segment and model.
SELECT r.arm_id, e.segment, r.model, count(*), sum(r.input_tokens), sum(r.cached_input_tokens), sum(r.output_tokens)
FROM replies AS r JOIN exchanges AS e ON e.id = r.exchange_id
WHERE r.pilot_id = :pilot AND r.input_tokens IS NOT NULL AND r.output_tokens IS NOT NULL
    AND e.reason = 'captured' AND e.closed_at IS NOT NULL AND e.sample_point < 1
    AND e.arrived_at >= :start AND e.arrived_at < :until
GROUP BY 1, 2, 3 ORDER BY 1, 2, 3;

-- name: busiest_minute
-- Most requests in one clock minute.
SELECT max(requests) FROM (
    SELECT date_bin('1 minute', e.arrived_at, TIMESTAMPTZ '1970-01-01Z') AS minute, sum(1 / e.inclusion_probability) AS requests
    FROM exchanges AS e
    WHERE e.pilot_id = :pilot AND e.reason = 'captured' AND e.closed_at IS NOT NULL AND e.sample_point < 1
        AND e.arrived_at >= :start AND e.arrived_at < :until
    GROUP BY 1
) AS minutes;
