/** Creates a goal with a maximum for the figure. */
export function atMost(limit, unit, name, figure) {
  return goal(name, `≤ ${limit} ${unit}`, figure, unit, figure <= limit);
}

/** Creates a goal with a minimum for the figure. */
export function atLeast(limit, unit, name, figure) {
  return goal(name, `≥ ${limit} ${unit}`, figure, unit, figure >= limit);
}

function goal(name, text, figure, unit, met) {
  return {
    name,
    goal: text,
    figure: Number(figure.toPrecision(3)),
    unit,
    met,
  };
}
