/** A goal of which the figure may be at most so much. */
export function atMost(limit, unit, name, figure) {
  return goal(name, `≤ ${limit} ${unit}`, figure, unit, figure <= limit);
}

/** A goal of which the figure must be at least so much. */
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
