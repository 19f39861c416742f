import { describe, expect, test } from 'vitest';
import { makeFacts } from '../policy/facts.fixture.ts';
import { mergePolicy } from '../policy/merge.ts';
import type { Origin, Policy, SettingsLayer } from '../policy/types.ts';
import { AGENTS, findAgent, requireAgent } from './catalogue.ts';
import { modelHosts, presetLayer, presetOrigin, unreachable } from './layer.ts';
import type { AgentPreset } from './preset.ts';
import { aider } from './presets/aider.ts';
import { claude } from './presets/claude.ts';
import { gemini } from './presets/gemini.ts';

const origin: Origin = { scope: 'user', text: 'mine' };
const said = <T>(value: T) => ({ value, origin });
const user = (more: Partial<SettingsLayer>): SettingsLayer => ({ scope: 'user', trusted: true, ...more });

function merge(...layers: SettingsLayer[]): Policy {
  return mergePolicy({ layers, facts: makeFacts(), now: new Date() });
}

function layered(
  preset: AgentPreset,
  layers: SettingsLayer[] = [],
  environment: Record<string, string> = {},
) {
  const policy = merge(...layers);
  const request = { preset, policy, environment, shows: [], writes: [], set: {} };
  const { layer, notices } = presetLayer(request);
  const merged = merge(...layers, layer);
  const allowed = merged.network.domains
    .filter(({ access }) => access === 'allow')
    .map(({ pattern }) => pattern);
  const told = [...notices, ...[unreachable(request, merged) ?? []].flat()].map(({ message }) => message);
  return { layer, merged, allowed, told };
}

describe('the hosts of a preset', () => {
  test('are opened on top of the mode, each with the preset as its origin', () => {
    const { merged, allowed, told } = layered(claude);
    expect(allowed).toEqual([...claude.hosts.model, ...claude.hosts.login]);
    expect(merged.network.access.value).toBe('local');
    expect(merged.network.domains[0]?.origin).toEqual({ scope: 'flag', text: 'preset claude' });
    expect(told).toEqual([]);
    expect(layered(claude, [user({ mode: said('strict') })]).allowed).toEqual(allowed);
  });

  test('never hold those of telemetry', () => {
    for (const preset of AGENTS) {
      const { allowed } = layered(
        preset,
        [],
        Object.fromEntries(preset.environment.pass.map((name) => [name, 'x'])),
      );
      expect(allowed.filter((host) => preset.hosts.telemetry.includes(host))).toEqual([]);
    }
  });

  test('stay closed under a networkAccess "none" that a person wrote, and that is said', () => {
    const { allowed, told } = layered(claude, [user({ networkAccess: said('none') })]);
    expect(allowed).toEqual([]);
    expect(told).toEqual(['Claude Code cannot reach its model: networkAccess is "none"']);
  });

  test('stay closed under a managed ceiling, and that is said', () => {
    const managed: SettingsLayer = {
      scope: 'managed',
      trusted: true,
      networkAccess: { value: 'none', origin: { scope: 'managed', text: 'none' } },
    };
    expect(layered(claude, [managed])).toMatchObject({
      allowed: [],
      told: [expect.stringContaining('cannot reach')],
    });
  });

  test.each(['*.anthropic.com', 'api.anthropic.com'])('a denial of %s by a person stands', (denied) => {
    const { allowed, told } = layered(claude, [user({ deniedDomains: [said(denied)] })]);
    expect(allowed).not.toContain('api.anthropic.com');
    expect(allowed).toContain('claude.ai');
    expect(told[0]).toBe(`api.anthropic.com, which Claude Code uses, stays closed: ${denied} is denied`);
  });

  test('an address in the environment takes the place of the usual hosts', () => {
    const environment = { ANTHROPIC_BASE_URL: 'https://gateway.example.com:8443/v1' };
    expect(modelHosts(claude, environment)).toEqual({ hosts: ['gateway.example.com:8443'], loopback: false });
    expect(layered(claude, [], { ANTHROPIC_BASE_URL: 'http://127.0.0.1:4000' }).told).toEqual([]);
    const strict = layered(claude, [user({ mode: said('strict') })], {
      ANTHROPIC_BASE_URL: 'http://[::1]:4000',
    });
    expect(strict.told).toEqual([expect.stringContaining('it is on this machine')]);
  });

  test('of an agent for many services are those whose key is there', () => {
    expect(layered(aider, [], { OPENAI_API_KEY: 'k' }).allowed).toEqual(['api.openai.com']);
    expect(layered(aider)).toMatchObject({ allowed: [], told: [expect.stringContaining('--allow-domain')] });
  });
});

describe('the environment of a preset', () => {
  const environment = { ANTHROPIC_API_KEY: 'k', GEMINI_API_KEY: 'g', GH_TOKEN: 't' };
  test('hands an agent its own key and no other agent’s', () => {
    const passed = (preset: AgentPreset) =>
      layered(preset, [], environment).merged.environment.pass.map(({ value }) => value);
    expect(passed(claude)).toEqual(['ANTHROPIC_API_KEY']);
    expect(passed(gemini)).toEqual(['GEMINI_API_KEY']);
  });

  test('a person’s own drop and set stand', () => {
    const mine = user({
      environment: { drop: [said('ANTHROPIC_API_KEY')], set: { DISABLE_TELEMETRY: said('0') } },
    });
    const { pass, set } = layered(claude, [mine], environment).merged.environment;
    expect(pass).toEqual([]);
    expect(set.DISABLE_TELEMETRY?.value).toBe('0');
    expect(set.DISABLE_AUTOUPDATER?.value).toBe('1');
    expect(layered(claude, [], { DISABLE_AUTOUPDATER: '0' }).layer.environment?.set).not.toHaveProperty(
      'DISABLE_AUTOUPDATER',
    );
  });
});

describe('the catalogue', () => {
  test('finds an agent by its name and by its program, and names the nearest to another word', () => {
    expect(findAgent('claude')).toBe(claude);
    expect(findAgent('cursor-agent')?.name).toBe('cursor');
    expect(findAgent('ls')).toBeUndefined();
    expect(() => requireAgent('cluade')).toThrow(/did you mean claude/);
  });

  test.each(AGENTS.map((preset) => [preset.name, preset] as const))('%s is sound', (name, preset) => {
    const paths = [...preset.login, ...preset.config].map(({ path }) => path);
    expect(new Set(paths).size).toBe(paths.length);
    for (const path of [...paths, ...preset.places, ...preset.state])
      expect(path).toMatch(/^[^/~][^~]*[^/]$/);
    // What is copied or shown is the agent's own: beneath the places where it keeps its state, or named after it.
    for (const path of paths) {
      const own = preset.state.some((place) => path === place || path.startsWith(`${place}/`));
      expect(own || path.startsWith(`.${name}`), path).toBe(true);
    }
    const hosts = [...preset.hosts.model, ...preset.hosts.login, ...preset.hosts.telemetry];
    for (const host of hosts) expect(host).toMatch(/^(\*\.)?[a-z0-9.-]+\.[a-z]+$/);
    expect(preset.verified).not.toBe('');
    expect(presetOrigin(preset).text).toBe(`preset ${name}`);
  });

  test('gives no login of one agent to another', () => {
    const owners = AGENTS.flatMap(({ name, login }) => login.map(({ path }) => [path, name] as const));
    expect(new Set(owners.map(([path]) => path)).size).toBe(owners.length);
  });
});
