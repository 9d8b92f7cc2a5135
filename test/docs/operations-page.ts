import {
  blocksOf,
  readPage,
  sectionsOf,
  type Section,
} from './snippets/page.js';

const sections = sectionsOf(readPage('docs/operations.md'));

function sectionOf(title: string): Section {
  return sections.find((each) => each.title === title)!;
}

const rowsOf = ({ text }: Section): string[][] =>
  text
    .split('\n')
    .filter((line) => line.startsWith('| `'))
    .map((line) =>
      line.split('|').map((cell) => cell.trim().replaceAll('`', '')),
    );

/** The code of the page as one module. */
export const moduleSource = `import { Controller, Get, Module } from '@nestjs/common';
import { HealthCheck, HealthCheckService, TerminusModule } from '@nestjs/terminus';
import { Public, SessionHealth } from 'nestjs-session-jwt';
import { SessionMetricsModule } from 'nestjs-session-jwt/metrics';
import { SessionHealthIndicator } from 'nestjs-session-jwt/terminus';
${sections.map((each) => blocksOf(each, 'ts').join('\n')).join('\n')}
${sections
  .flatMap((each) => blocksOf(each, 'ts controller'))
  .map((members, i) => `@Controller() export class Members${i} { ${members} }`)
  .join('\n')}
`;

/** The rules for Prometheus. */
export const alertRules = blocksOf(sectionOf('Alerts'), 'yaml').join('\n');

/** The alerts that the page gives reasons for. */
export const ALERTS = rowsOf(sectionOf('Alerts')).map(([, name]) => name);

/** The documented metrics and their units. */
export const documentedMetrics = Object.fromEntries(
  rowsOf(sectionOf('Metrics')).map(([, name, unit]) => [name, unit]),
);

/** The codes, events, metrics and options that the page gives as reasons for what operators see. */
export const namesInAdvice = [
  ...sectionOf('What to do when').text.matchAll(/`([\w.]+)`/g),
].map(([, name]) => name!);
