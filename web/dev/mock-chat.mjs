// What people say in the mock server's broadcasts: enough to see a chat at its best and at its worst.
const SAID = [
  ["ada", "evening everyone!"],
  ["kenji_plays", "that filter sounds huge"],
  ["juniper", "what is the resonance at right now?"],
  ["maya", "about two o'clock. It self-oscillates a bit after that", "owner"],
  ["orbit", "the schematic is at https://example.org/filters/ladder?rev=4#page-2, right?"],
  ["maya", "yes, revision 4. The one from last week had the wrong capacitor", "owner"],
  ["maya", "so build this one", "owner"],
  ["lofi-garden", "🎛️🎶"],
  ["studio-brandt", "please keep links on topic, thank you", "moderator"],
  ["chef.ines", "I understood none of this and I love it"],
  ["the_long_run", "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaftaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"],
  ["noor", "مرحبا بالجميع، الصوت رائع اليوم! https://example.org/ar"],
  ["yael", "שלום לכולם, נשמע מצוין"],
  ["mallory", '<img src=x onerror="alert(1)"><b>bold?</b> javascript:alert(1)'],
  ["mallory", "https://bank.example@evil.example/ looks like a bank"],
  ["ada", "@maya will there be a kit?"],
  ["juniper", "first line\nsecond line\nthird line"],
  ["orbit", "👏👏👏"],
  ["kenji_plays", "can you show the back of the board once more? I missed how you routed the ground there"],
  ["northwind-fm", "greetings from the control room at Northwind FM, we have you on the big speakers"],
  ["ada", "same here, on headphones"],
  ["ada", "the low end is something else"],
  ["chef.ines", "my bread is rising to this"],
  ["root", "stream goes on over midnight, no worries", "admin"],
  ["lofi-garden", "sampled that, thank you"],
  ["juniper", "haha"],
  ["orbit", "is that a 2N3904?"],
  ["maya", "it is, matched by hand. Buy fifty and a cheap tester", "owner"],
  ["the_long_run", "noted"],
  ["ada", "worth staying up for"],
];
const LINES = ["nice", "wow, that sweep", "how long have you been at this?", "hello from Lisbon", "again, again!", "turn it up", "what is that module on the left?"];
const names = { ada: "Ada L.", noor: "نور", yael: "יעל", "northwind-fm": "Northwind FM" };

/** The history of a broadcast, oldest first; broadcasts with an odd number have been silent so far. */
export function history(id, isQuiet) {
  if (isQuiet) return [];
  const start = Date.now() - SAID.length * 41_000;
  return SAID.map(([user, text, role], index) => message(id, index + 1, user, text, role, new Date(start + index * 41_000)));
}

export function message(id, seq, user, text, role = "viewer", at = new Date()) {
  const data = { text, user, display_name: names[user] ?? null, role };
  return { id: `${id.slice(0, -4)}e${String(seq).padStart(3, "0")}-${seq}`, session_id: id, seq, type: "chat.message", data, created_at: at.toISOString(), user_id: null, metadata: {} };
}

export const somebody = () => SAID[Math.floor(Math.random() * SAID.length)][0];
export const something = () => LINES[Math.floor(Math.random() * LINES.length)];
