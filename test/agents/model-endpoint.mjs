/**
 * A model on loopback that follows a script: speaks as much of the protocols of OpenAI (responses and chat), Google and
 * Anthropic as agents need, and answers each turn with the next call of a tool, then with a closing word.
 *
 *   node model-endpoint.mjs RECORD SCRIPT   prints its port; SCRIPT is JSON: [{ "tools": ["bash"], "arguments": { … } }, …]
 *
 * RECORD takes one line for each request: what tools were offered and what the last call of a tool came to.
 */
import { appendFileSync } from 'node:fs';
import { createServer } from 'node:http';

const [record, scriptText] = process.argv.slice(2);
const script = JSON.parse(scriptText);
const CLOSING = 'The work is done.';

/** A step names a tool in the words of each agent; the first one that was offered is called. */
function stepFor(done, offered) {
  const step = script[done];
  if (step === undefined) return undefined;
  for (const [name, input] of Object.entries(step)) if (offered.includes(name)) return { name, input };
  return undefined;
}

function sse(response, events) {
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  for (const { event, data } of events) {
    response.write(
      `${event === undefined ? '' : `event: ${event}\n`}data: ${typeof data === 'string' ? data : JSON.stringify(data)}\n\n`,
    );
  }
  response.end();
}

const responses = {
  read(body) {
    const results = body.input.filter(({ type }) => type?.endsWith('_call_output'));
    return {
      results: results.map(({ output }) => (typeof output === 'string' ? output : JSON.stringify(output))),
      tools: (body.tools ?? []).map(({ name, type }) => name ?? type),
    };
  },
  answer(response, call, id) {
    const item =
      call === undefined
        ? {
            type: 'message',
            id: `msg_${id}`,
            role: 'assistant',
            status: 'completed',
            content: [{ type: 'output_text', text: CLOSING, annotations: [] }],
          }
        : {
            type: 'function_call',
            id: `fc_${id}`,
            call_id: `call_${id}`,
            name: call.name,
            arguments: JSON.stringify(call.input),
            status: 'completed',
          };
    const usage = {
      input_tokens: 1,
      input_tokens_details: { cached_tokens: 0 },
      output_tokens: 1,
      output_tokens_details: { reasoning_tokens: 0 },
      total_tokens: 2,
    };
    const events = [
      {
        type: 'response.created',
        response: { id: `resp_${id}`, object: 'response', status: 'in_progress', output: [] },
      },
      { type: 'response.output_item.added', output_index: 0, item },
      { type: 'response.output_item.done', output_index: 0, item },
      {
        type: 'response.completed',
        response: { id: `resp_${id}`, object: 'response', status: 'completed', output: [item], usage },
      },
    ];
    sse(
      response,
      events.map((data, at) => ({ event: data.type, data: { ...data, sequence_number: at } })),
    );
  },
};

const chat = {
  read(body) {
    const results = body.messages
      .filter(({ role }) => role === 'tool')
      .map(({ content }) => (typeof content === 'string' ? content : JSON.stringify(content)));
    return { results, tools: (body.tools ?? []).map((tool) => tool.function.name) };
  },
  answer(response, call, id) {
    const chunk = (delta, finish = null) => ({
      data: {
        id: `chat_${id}`,
        object: 'chat.completion.chunk',
        created: 1,
        model: 'scripted',
        choices: [{ index: 0, delta, finish_reason: finish }],
      },
    });
    const parts =
      call === undefined
        ? [chunk({ role: 'assistant', content: CLOSING }), chunk({}, 'stop')]
        : [
            chunk({
              role: 'assistant',
              tool_calls: [
                {
                  index: 0,
                  id: `call_${id}`,
                  type: 'function',
                  function: { name: call.name, arguments: JSON.stringify(call.input) },
                },
              ],
            }),
            chunk({}, 'tool_calls'),
          ];
    sse(response, [...parts, { data: '[DONE]' }]);
  },
};

const google = {
  read(body) {
    const parts = (body.contents ?? []).flatMap((content) => content.parts ?? []);
    const results = parts.flatMap(({ functionResponse }) =>
      functionResponse === undefined ? [] : [JSON.stringify(functionResponse.response)],
    );
    return {
      results,
      tools: (body.tools ?? []).flatMap((tool) => tool.functionDeclarations ?? []).map(({ name }) => name),
    };
  },
  answer(response, call) {
    const part =
      call === undefined
        ? { text: CLOSING }
        : { functionCall: { name: call.name, args: call.input }, thoughtSignature: 'c2NyaXB0ZWQ=' };
    sse(response, [
      {
        data: {
          candidates: [{ content: { role: 'model', parts: [part] }, finishReason: 'STOP', index: 0 }],
          usageMetadata: { promptTokenCount: 1, candidatesTokenCount: 1, totalTokenCount: 2 },
        },
      },
    ]);
  },
};

const anthropic = {
  read(body) {
    const parts = body.messages.flatMap(({ content }) => (typeof content === 'string' ? [] : content));
    const results = parts
      .filter(({ type }) => type === 'tool_result')
      .map(({ content }) => (typeof content === 'string' ? content : JSON.stringify(content)));
    return { results, tools: (body.tools ?? []).map(({ name }) => name) };
  },
  answer(response, call, id) {
    const [block, delta] =
      call === undefined
        ? [
            { type: 'text', text: '' },
            { type: 'text_delta', text: CLOSING },
          ]
        : [
            { type: 'tool_use', id: `toolu_${id}`, name: call.name, input: {} },
            { type: 'input_json_delta', partial_json: JSON.stringify(call.input) },
          ];
    const message = {
      id: `msg_${id}`,
      type: 'message',
      role: 'assistant',
      model: 'scripted',
      content: [],
      stop_reason: null,
      stop_sequence: null,
      usage: { input_tokens: 1, output_tokens: 1 },
    };
    const events = [
      { type: 'message_start', message },
      { type: 'content_block_start', index: 0, content_block: block },
      { type: 'content_block_delta', index: 0, delta },
      { type: 'content_block_stop', index: 0 },
      {
        type: 'message_delta',
        delta: { stop_reason: call === undefined ? 'end_turn' : 'tool_use', stop_sequence: null },
        usage: { output_tokens: 1 },
      },
      { type: 'message_stop' },
    ];
    sse(
      response,
      events.map((data) => ({ event: data.type, data })),
    );
  },
};

function protocolOf(url) {
  if (/\/messages(\?|$)/.test(url)) return anthropic;
  if (/\/responses(\?|$)/.test(url)) return responses;
  if (/\/chat\/completions(\?|$)/.test(url)) return chat;
  if (/:streamGenerateContent/.test(url)) return google;
  return undefined;
}

let count = 0;
const server = createServer(async (request, response) => {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  const protocol = protocolOf(request.url);
  if (protocol === undefined || request.method !== 'POST') {
    appendFileSync(record, `${JSON.stringify({ unknown: `${request.method} ${request.url}` })}\n`);
    response
      .writeHead(404, { 'content-type': 'application/json' })
      .end('{"error":{"message":"not scripted"}}');
    return;
  }
  const { results, tools } = protocol.read(JSON.parse(Buffer.concat(chunks).toString()));
  const call = stepFor(results.length, tools);
  appendFileSync(
    record,
    `${JSON.stringify({ tools, results: results.length, last: results.at(-1) ?? null, call: call?.name ?? null, authorization: request.headers.authorization ?? request.headers['x-goog-api-key'] ?? request.headers['x-api-key'] ?? null })}\n`,
  );
  count += 1;
  protocol.answer(response, call, count);
});
server.listen(0, '127.0.0.1', () => process.stdout.write(`${server.address().port}\n`));
