export function toChart(chart: {
  title: string;
  description: string;
  bars: { label: string; share: number; isOurs: boolean }[];
}): string;
