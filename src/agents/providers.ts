/** Model services that several agents can use: the variable that holds a person's key, and the hosts that take it. */
import type { Provider } from './preset.ts';

export const PROVIDERS: readonly Provider[] = [
  { variable: 'ANTHROPIC_API_KEY', hosts: ['api.anthropic.com'] },
  { variable: 'OPENAI_API_KEY', hosts: ['api.openai.com'] },
  { variable: 'GEMINI_API_KEY', hosts: ['generativelanguage.googleapis.com'] },
  { variable: 'GOOGLE_API_KEY', hosts: ['generativelanguage.googleapis.com'] },
  { variable: 'GOOGLE_GENERATIVE_AI_API_KEY', hosts: ['generativelanguage.googleapis.com'] },
  { variable: 'OPENROUTER_API_KEY', hosts: ['openrouter.ai'] },
  { variable: 'DEEPSEEK_API_KEY', hosts: ['api.deepseek.com'] },
  { variable: 'MISTRAL_API_KEY', hosts: ['api.mistral.ai'] },
  { variable: 'GROQ_API_KEY', hosts: ['api.groq.com'] },
  { variable: 'XAI_API_KEY', hosts: ['api.x.ai'] },
];

/** The keys themselves, and where else to send them. */
export const PROVIDER_VARIABLES: readonly string[] = [
  ...PROVIDERS.map(({ variable }) => variable),
  'ANTHROPIC_BASE_URL',
  'OPENAI_BASE_URL',
  'OPENAI_API_BASE',
];

export const PROVIDER_BASE_URLS: readonly string[] = [
  'ANTHROPIC_BASE_URL',
  'OPENAI_BASE_URL',
  'OPENAI_API_BASE',
];
