/** Whether one path lies at or beneath another, by components. */

export function isBeneath(path: string, directory: string): boolean {
  return directory === '/' || path === directory || path.startsWith(`${directory}/`);
}
