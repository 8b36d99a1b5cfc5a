// Calls of the official Node SDK; prints what came of them as one line of JSON: `node calls.mjs BASE_URL`.
import { createHash } from "node:crypto";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

// The SDK lies in the isolated environment, which is the working folder.
const require = createRequire(pathToFileURL(`${process.cwd()}/`));
const { default: OpenAI, APIError } = await import(pathToFileURL(require.resolve("openai")).href);
const { VERSION } = require("openai/version");

const client = new OpenAI({ baseURL: process.argv[2], apiKey: "sk-contract-key-0123456789" });
const messages = [
  { role: "system", content: "Be kind." },
  { role: "user", content: "Where is order 7? Grüße 🎈" },
];
const parameters = { type: "object", properties: { number: { type: "integer" } }, required: ["number"] };
const tool = { type: "function", function: { name: "look_up", parameters } };
const format = {
  type: "json_schema",
  json_schema: {
    name: "ticket",
    schema: { type: "object", properties: { subject: { type: "string" }, urgent: { type: "boolean" } } },
  },
};
const hops = new Set(["connection", "keep-alive", "transfer-encoding", "date"]);
const headersOf = (response) => [...response.headers].filter(([name]) => !hops.has(name)).sort();
const all = async (stream) => {
  const found = [];
  for await (const part of stream) found.push(part);
  return found;
};

async function chat(user = "chat", options = {}) {
  const { data, response, request_id } = await client.chat.completions
    .create({ model: "sim", messages, user }, options)
    .withResponse();
  return { headers: headersOf(response), request_id, reply: data };
}

async function stream(user = "stream") {
  const { data, response } = await client.chat.completions
    .create({ model: "sim", messages, user, stream: true, stream_options: { include_usage: true } })
    .withResponse();
  return { headers: headersOf(response), chunks: await all(data) };
}

async function tools() {
  const running = client.chat.completions.stream({ model: "sim", messages, tools: [tool], user: "tools" });
  const message = (await running.finalChatCompletion()).choices[0].message;
  const call = message.tool_calls[0];
  const answer = { role: "tool", tool_call_id: call.id, content: "on its way" };
  const asked = [...messages, { role: "assistant", content: message.content, tool_calls: message.tool_calls }, answer];
  return { call, after: await client.chat.completions.create({ model: "sim", messages: asked, tools: [tool], user: "tools" }) };
}

async function structured() {
  const parsed = await client.chat.completions.parse({ model: "sim", messages, response_format: format, user: "structured" });
  return parsed.choices[0].message.parsed;
}

async function responses() {
  const whole = await client.responses.create({ model: "sim", input: "Hello", instructions: "Be kind.", user: "responses" });
  const events = await client.responses.create({ model: "sim", input: "Hello", stream: true, user: "responses" });
  return { whole, events: await all(events) };
}

async function completions() {
  const whole = await client.completions.create({ model: "sim", prompt: "Once upon a time", user: "completions" });
  const chunks = await client.completions.create({ model: "sim", prompt: "Once upon a time", stream: true, user: "completions" });
  return { whole, chunks: await all(chunks) };
}

async function otherRoutes() {
  const models = (await client.models.list()).data.map((model) => model.id);
  return { models, embedding: await client.embeddings.create({ model: "sim", input: "Hello", user: "embeddings" }) };
}

async function refused() {
  const found = {};
  for (const status of [400, 401, 404, 422, 429, 500, 503]) {
    try {
      await chat(`status-${status}`, { maxRetries: 0 });
    } catch (error) {
      if (!(error instanceof APIError)) throw error;
      found[status] = [error.constructor.name, error.status, error.error, error.requestID, headersOf(error)];
    }
  }
  return found;
}

async function retried() {
  const found = {};
  for (const status of [429, 503]) {
    const began = performance.now();
    const { reply } = await chat(`once-${status}`, { maxRetries: 2 });
    found[status] = [reply, performance.now() - began >= 300];
  }
  return found;
}

async function broken() {
  try {
    await stream("error-event");
  } catch (error) {
    return [error.constructor.name, error.message];
  }
  return null;
}

async function compressed() {
  return { whole: await chat("gzip"), stream: await stream("gzip") };
}

async function large() {
  const found = [];
  for (const size of [700_000, 3_000_000]) {
    const body = [{ role: "user", content: "ä".repeat(size / 2) }];
    const reply = await client.chat.completions.create({ model: "sim", messages: body, user: "large" });
    const said = reply.choices[0].message.content;
    found.push([said.length, createHash("sha256").update(said).digest("hex")]);
  }
  return found;
}

async function cancelled() {
  const times = [];
  for (let number = 0; number < 3; number++) {
    const chunks = await client.chat.completions.create({ model: "sim", messages, stream: true, user: `endless-${number}` });
    let seen = 0;
    for await (const _ of chunks) if (++seen === 3) break;
    times.push(Date.now() / 1000);
    chunks.controller.abort();
  }
  return times;
}

const scenarios = {
  chat, stream, tools, structured, responses, completions, other_routes: otherRoutes, refused, retried, broken, compressed,
  large, cancelled,
};
const results = {};
for (const [name, scenario] of Object.entries(scenarios)) results[name] = await scenario();
console.log(JSON.stringify({ version: VERSION, results }));
