"""The names of OpenTelemetry's conventions for generative AI, and ours: the one place that changes when they do.

From open-telemetry/semantic-conventions-genai, where they are in *Development*: they may change. What would carry texts is
left out on purpose (`gen_ai.input.messages`, `gen_ai.output.messages`, `gen_ai.system_instructions`, `gen_ai.tool.*`,
`gen_ai.evaluation.explanation`, `gen_ai.request.stop_sequences`, `exception.message`), and so is `enduser.id`.
"""

# The last version of the conventions in which these names were published together, before they moved to their own repository.
CONVENTIONS = "1.44.0"
SCHEMA_URL = f"https://opentelemetry.io/schemas/{CONVENTIONS}"

OPERATION = "gen_ai.operation.name"
PROVIDER = "gen_ai.provider.name"
CONVERSATION = "gen_ai.conversation.id"
OUTPUT_TYPE = "gen_ai.output.type"

REQUEST_MODEL = "gen_ai.request.model"
REQUEST_MAX_TOKENS = "gen_ai.request.max_tokens"
REQUEST_TEMPERATURE = "gen_ai.request.temperature"
REQUEST_TOP_P = "gen_ai.request.top_p"
REQUEST_TOP_K = "gen_ai.request.top_k"
REQUEST_SEED = "gen_ai.request.seed"
REQUEST_CHOICES = "gen_ai.request.choice.count"
REQUEST_FREQUENCY_PENALTY = "gen_ai.request.frequency_penalty"
REQUEST_PRESENCE_PENALTY = "gen_ai.request.presence_penalty"
REQUEST_STREAM = "gen_ai.request.stream"

RESPONSE_ID = "gen_ai.response.id"
RESPONSE_MODEL = "gen_ai.response.model"
RESPONSE_FINISH_REASONS = "gen_ai.response.finish_reasons"
RESPONSE_FIRST_CHUNK = "gen_ai.response.time_to_first_chunk"

INPUT_TOKENS = "gen_ai.usage.input_tokens"
OUTPUT_TOKENS = "gen_ai.usage.output_tokens"
CACHE_READ_TOKENS = "gen_ai.usage.cache_read.input_tokens"
CACHE_CREATION_TOKENS = "gen_ai.usage.cache_creation.input_tokens"
REASONING_TOKENS = "gen_ai.usage.reasoning.output_tokens"

EVALUATION = "gen_ai.evaluation.result"
EVALUATION_NAME = "gen_ai.evaluation.name"
EVALUATION_VALUE = "gen_ai.evaluation.score.value"
EVALUATION_LABEL = "gen_ai.evaluation.score.label"

ERROR_TYPE = "error.type"
SERVER_ADDRESS = "server.address"
SERVER_PORT = "server.port"
MESSAGING_SYSTEM = "messaging.system"
MESSAGING_OPERATION = "messaging.operation.name"
MESSAGING_DESTINATION = "messaging.destination.name"
MESSAGING_ID = "messaging.message.id"

PILOT = "parallel_pilot.pilot"
EXCHANGE = "parallel_pilot.exchange"
ARM = "parallel_pilot.arm"
OUTCOME = "parallel_pilot.outcome"
REASON = "parallel_pilot.reason"
SEGMENT = "parallel_pilot.segment"
LEVEL = "parallel_pilot.content_level"
SOURCE = "parallel_pilot.source"
QUEUE_LAG = "parallel_pilot.queue_lag_seconds"
CALLS = "parallel_pilot.calls"
UNGRADED = "parallel_pilot.ungraded"
EVENTS = "parallel_pilot.events"
TASK = "parallel_pilot.task"
TASK_STATE = "parallel_pilot.task_state"
PROCESS = "parallel_pilot.process"
