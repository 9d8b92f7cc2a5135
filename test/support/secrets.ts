/** Random, and the same in every run. */
export const SECRET = 'pVtQ0m7n2bJc9sX4kLwE8rYhZ3uGdA1iFoNq6xTvBeM';
export const OTHER_SECRET = 'Zk3vQ9sLx0TfB7mWc2RyH5nJd8GpUa4EiKo6tXwVqYs';
