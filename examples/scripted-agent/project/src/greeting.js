/** One line of greeting for a person. */
export function greet(name) {
  return `Hello, ${name.trim()}!`;
}
