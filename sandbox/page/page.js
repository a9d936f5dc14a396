// The chat page: who you are, which chat is open, and what you do in it.

import { act, listen } from "./api.js";
import { avatar, clock, element, formatted, messageElement, nameOf, plain, serviceText } from "./render.js";

const $ = (id) => document.getElementById(id);
const TYPING_MS = 5000;
const INLINE_DELAY_MS = 250;

const state = {
  bot: null,
  me: null,
  users: [],
  chats: new Map(),
  messages: new Map(),
  unread: new Map(),
  open: null,
  typing: new Map(),
  isConnected: false,
  context: null,
  inline: null,
  sharing: null,
  commands: [],
};

const chat = () => state.chats.get(state.open);
const isGroup = (one) => one.type !== "private";
const mine = () => [...state.chats.values()].filter((one) => one.members.some((user) => user.id === state.me.id));
const faceOf = (one) => (isGroup(one) ? one.id : state.bot.id);
const titleOf = (one) => (isGroup(one) ? one.title : nameOf(state.bot));

async function attempt(work) {
  try {
    return await work();
  } catch (error) {
    toast(error.message);
    return null;
  }
}

// Start

async function begin() {
  const found = await act("state");
  state.bot = found.bot;
  state.users = found.users;
  state.isConnected = found.is_connected;
  document.title = nameOf(found.bot);
  for (const one of found.chats) await learn(one);
  const kept = Number(sessionStorage.getItem("me"));
  become(state.users.find((user) => user.id === kept) ?? state.users[0]);
  showConnection(found.is_connected);
  listen(found.last_event, onEvents, () => showConnection(false));
}

async function learn(one) {
  const known = state.chats.has(one.id);
  state.chats.set(one.id, one);
  if (known) return;
  const { messages } = await act("messages", { chat_id: one.id });
  state.messages.set(one.id, new Map(messages.map((message) => [message.message_id, message])));
}

function become(user) {
  if (!user) return;
  state.me = user;
  sessionStorage.setItem("me", user.id);
  showAccounts();
  const target = state.open && mine().some((one) => one.id === state.open) ? state.open : user.id;
  openChat(target, { stay: $("app").dataset.view === "list" });
}

// Events

async function onEvents(events, isConnected) {
  showConnection(isConnected);
  for (const event of events) {
    if (event.kind === "message" || event.kind === "edited_message") onMessage(event);
    else if (event.kind === "deleted") onDeleted(event);
    else if (event.kind === "action") onAction(event);
    else if (event.kind === "chat") await onChat(event.chat);
    else if (event.kind === "commands") await loadCommands();
  }
}

async function onChat(changed) {
  const people = state.users.map((user) => user.id);
  const unknown = changed.members.filter((user) => !people.includes(user.id));
  state.users.push(...unknown);
  await learn(changed);
  if (!state.me && state.users.length) become(state.users[0]);
  if (!state.me) return;
  if (unknown.length) showAccounts();
  showChats();
  if (changed.id === state.open) showChrome();
}

function onMessage({ kind, chat_id: id, message }) {
  const kept = state.messages.get(id);
  if (!kept || !state.me) return;
  const isNew = !kept.has(message.message_id);
  kept.set(message.message_id, message);
  const of = state.chats.get(id);
  if (of.type === "private" && !message.from.is_bot) of.is_started = true;
  if (message.from.is_bot && kind === "message") state.typing.delete(id);
  if (id === state.open) {
    place(message, isNew);
    showChrome();
  } else if (isNew && message.from.id !== state.me.id) {
    state.unread.set(id, (state.unread.get(id) ?? 0) + 1);
  }
  showChats();
}

function onDeleted({ chat_id: id, message_id: number }) {
  state.messages.get(id)?.delete(number);
  if (id === state.open) $("messages").querySelector(`[data-message-id="${number}"]`)?.remove();
  showChats();
}

function onAction({ chat_id: id }) {
  state.typing.set(id, Date.now() + TYPING_MS);
  showStatus();
  setTimeout(showStatus, TYPING_MS + 50);
}

// What is seen

function showConnection(isConnected) {
  state.isConnected = isConnected;
  document.body.dataset.connected = isConnected;
  $("service").hidden = isConnected;
  showStatus();
}

function showAccounts() {
  $("accounts").replaceChildren(
    ...state.users.map((user) => {
      const button = element("button", "account");
      button.type = "button";
      button.dataset.userId = user.id;
      button.setAttribute("role", "radio");
      button.setAttribute("aria-checked", user.id === state.me.id);
      button.setAttribute("aria-label", `Speak as ${nameOf(user)}`);
      button.append(avatar(element("span", "avatar small"), nameOf(user), user.id), element("span", "", user.first_name));
      button.onclick = () => become(user);
      return button;
    }),
  );
}

function showChats() {
  const last = (one) => [...(state.messages.get(one.id)?.values() ?? [])].at(-1);
  const listed = mine().sort((a, b) => isGroup(a) - isGroup(b) || b.id - a.id);
  $("chats").replaceChildren(
    ...listed.map((one) => {
      const button = element("button", "chat");
      button.dataset.chatId = one.id;
      button.setAttribute("aria-current", one.id === state.open);
      const message = last(one);
      const who = message && isGroup(one) && !serviceText(message) ? `${message.from.first_name}: ` : "";
      const text = message ? who + plain(message).replaceAll("\n", " ") : "No messages yet";
      const names = element("span", "names");
      const title = element("b", "", titleOf(one));
      const preview = element("small", "", text);
      title.dir = preview.dir = "auto";
      names.append(title, preview);
      const side = element("span", "side");
      if (message) side.append(element("time", "", clock(message.date)));
      if (state.unread.get(one.id)) side.append(element("span", "unread", state.unread.get(one.id)));
      button.append(avatar(element("span", "avatar"), titleOf(one), faceOf(one)), names, side);
      button.onclick = () => choose(one.id);
      const item = element("li");
      item.append(button);
      return item;
    }),
  );
}

function choose(id) {
  openChat(id);
  if (state.sharing === null) return;
  setComposer(`@${state.bot.username} ${state.sharing}`);
  state.sharing = null;
}

function openChat(id, { stay = false } = {}) {
  if (state.open !== id) {
    $("composer").value = "";
    onInput();
  }
  state.open = id;
  state.unread.delete(id);
  setContext(null);
  closeInline();
  if (!stay) $("app").dataset.view = "chat";
  const one = chat();
  $("chat-title").textContent = titleOf(one);
  avatar($("chat-avatar"), titleOf(one), faceOf(one));
  const kept = [...state.messages.get(id).values()];
  $("messages").replaceChildren(...kept.map(build));
  groupUp();
  showChats();
  showChrome();
  loadCommands();
  toBottom();
}

const build = (message) => messageElement(message, { me: state.me, isGroup: isGroup(chat()) });

function place(message, isNew) {
  const near = $("scroll").scrollHeight - $("scroll").scrollTop - $("scroll").clientHeight < 160;
  const old = $("messages").querySelector(`[data-message-id="${message.message_id}"]`);
  if (old) {
    old.replaceWith(build(message));
  } else if (isNew) {
    const made = build(message);
    made.classList.add("fresh");
    $("messages").append(made);
  }
  groupUp();
  if (near || message.from.id === state.me.id) toBottom();
}

// Neighbours of one person stand closer, and only the last has a tail.
function groupUp() {
  const all = [...$("messages").children];
  all.forEach((one, at) => {
    const next = all[at + 1];
    const same = next && !one.classList.contains("service") && !next.classList.contains("service")
      && next.message.from.id === one.message.from.id;
    one.classList.toggle("joined", Boolean(same));
  });
}

const toBottom = () => requestAnimationFrame(() => ($("scroll").scrollTop = $("scroll").scrollHeight));

function showStatus() {
  if (!state.open) return;
  const one = chat();
  const isTyping = (state.typing.get(one.id) ?? 0) > Date.now();
  $("chat-status").classList.toggle("typing", isTyping);
  if (isTyping) $("chat-status").textContent = isGroup(one) ? `${state.bot.first_name} is typing` : "typing";
  else if (isGroup(one)) $("chat-status").textContent = `${one.members.length + (one.bot_status === "member")} members`;
  else $("chat-status").textContent = state.isConnected ? "bot" : "waiting for the bot to connect…";
}

async function showChrome() {
  const one = chat();
  const isEmpty = !isGroup(one) && !one.is_started;
  const isBlocked = !isGroup(one) && one.bot_status === "kicked";
  $("start").hidden = !(isEmpty || isBlocked);
  $("start").textContent = isBlocked ? "UNBLOCK" : "START";
  $("form").hidden = !$("start").hidden;
  $("menu").hidden = isGroup(one) || !state.commands.length;
  $("composer").placeholder = isGroup(one) ? `Message as ${state.me.first_name}` : "Message";
  showIntro(isEmpty);
  showStatus();
}

function showIntro(isEmpty) {
  $("intro").hidden = !isEmpty;
  if (!isEmpty) return;
  const face = avatar(element("div", "avatar big"), nameOf(state.bot), state.bot.id);
  const about = state.description ? formatted(state.description) : element("p", "text", "Press START to begin.");
  $("intro").replaceChildren(face, element("h2", "", state.description ? "What can this bot do?" : nameOf(state.bot)), about);
}

async function loadCommands() {
  if (!state.open) return;
  const found = await act("commands", { chat_id: state.open, language_code: state.me.language_code });
  state.commands = found.commands;
  state.description = found.description;
  showChrome();
}

// Writing

async function send(text, fields = {}) {
  const sent = await attempt(() => act("send", { chat_id: state.open, from: state.me.id, text, ...fields }));
  return sent !== null;
}

async function submit() {
  const text = $("composer").value;
  if (!text.trim() || (state.inline && text.startsWith(`@${state.bot.username} `))) return;
  const { context } = state;
  const done = context?.kind === "edit"
    ? await attempt(() => act("edit", { chat_id: state.open, message_id: context.message.message_id, text }))
    : await send(text, context ? { reply_to: context.message.message_id, quote: context.quote } : {});
  if (!done) return;
  setContext(null);
  setComposer("");
}

function setComposer(text) {
  $("composer").value = text;
  $("composer").focus();
  onInput();
}

function setContext(context) {
  state.context = context;
  $("context").hidden = !context;
  if (!context) return;
  $("context-title").textContent = context.kind === "edit" ? "Edit message" : `Reply to ${nameOf(context.message.from)}`;
  $("context-text").textContent = context.quote ?? plain(context.message);
  $("context").querySelector("use").setAttribute("href", context.kind === "edit" ? "#i-edit" : "#i-reply");
  if (context.kind === "edit") setComposer(plain(context.message));
  $("composer").focus();
}

function onInput() {
  const box = $("composer");
  box.style.height = "auto";
  box.style.height = `${Math.min(box.scrollHeight, 160)}px`;
  $("send").classList.toggle("ready", Boolean(box.value.trim()));
  showCommands(/^\/\w*$/.test(box.value) ? box.value.slice(1) : null);
  askInline(box.value);
}

function showCommands(prefix) {
  const found = prefix === null ? [] : state.commands.filter((one) => one.command.startsWith(prefix));
  $("commands").hidden = !found.length;
  $("menu").setAttribute("aria-expanded", Boolean(found.length));
  $("commands").replaceChildren(
    ...found.map((one, at) => {
      const item = option(at, "command");
      item.dataset.command = one.command;
      const about = element("small", "", one.description);
      about.dir = "auto";
      item.append(element("b", "", `/${one.command}`), about);
      item.onclick = () => {
        setComposer(isGroup(chat()) ? `/${one.command}@${state.bot.username}` : `/${one.command}`);
        submit();
      };
      return item;
    }),
  );
}

function option(at, className) {
  const item = element("li", className);
  item.setAttribute("role", "option");
  item.setAttribute("aria-selected", at === 0);
  return item;
}

// Inline mode

let inlineTimer = 0;

function askInline(text) {
  clearTimeout(inlineTimer);
  const start = `@${state.bot.username} `;
  if (!text.toLowerCase().startsWith(start.toLowerCase())) return closeInline();
  inlineTimer = setTimeout(() => fillInline(text.slice(start.length)), INLINE_DELAY_MS);
  return undefined;
}

function closeInline() {
  state.inline = null;
  $("inline-results").hidden = true;
}

async function fillInline(query, offset = "") {
  const of = state.open;
  const asked = { chat_id: of, from: state.me.id, query, offset, timeout: 10 };
  const mark = (state.inline = { query });
  const found = await attempt(() => act("inline", asked));
  if (state.inline !== mark || state.open !== of || !found?.answer) return;
  const { results, next_offset: next, button } = found.answer;
  const items = results.map((one, at) => inlineItem(found.query_id, one, offset ? at + 1 : at));
  if (button) items.unshift(inlineButton(button));
  if (!items.length) items.push(element("li", "nothing", "No results"));
  if (offset) $("inline-results").append(...items);
  else $("inline-results").replaceChildren(...items);
  $("inline-results").hidden = false;
  if (next) $("inline-results").append(moreItem(query, next));
}

function inlineItem(queryId, result, at) {
  const item = option(at, "inline-result");
  item.dataset.resultId = result.id;
  const names = element("span", "names");
  const title = element("b", "", result.title ?? result.type);
  const about = element("small", "", result.description ?? result.caption ?? "");
  title.dir = about.dir = "auto";
  names.append(title, about);
  item.append(avatar(element("span", "avatar square"), result.title ?? "?", at + 3), names);
  item.onclick = async () => {
    const body = { query_id: queryId, result_id: result.id, chat_id: state.open };
    if (await attempt(() => act("pick", body))) setComposer("");
  };
  return item;
}

function inlineButton(button) {
  const item = option(1, "inline-button");
  item.textContent = button.text;
  item.onclick = () => {
    setComposer("");
    startWith(button.start_parameter ?? "");
  };
  return item;
}

function moreItem(query, next) {
  const item = option(1, "more");
  item.textContent = "More…";
  item.onclick = () => {
    item.remove();
    fillInline(query, next);
  };
  // The next page comes by itself when the end of this one is in sight.
  const watcher = new IntersectionObserver(
    (seen) => {
      if (!seen.some((one) => one.isIntersecting)) return;
      watcher.disconnect();
      if (item.isConnected) item.click();
    },
    { root: $("inline-results") },
  );
  watcher.observe(item);
  return item;
}

// Buttons and links in messages

async function press(node) {
  const { button } = node;
  const { message } = node.closest(".message");
  const kind = node.dataset.kind;
  if (kind === "callback_data") {
    node.classList.add("busy");
    node.setAttribute("aria-busy", "true");
    const body = { chat_id: state.open, message_id: message.message_id, from: state.me.id, data: button.callback_data };
    const found = await attempt(() => act("press", { ...body, timeout: 15 }));
    node.classList.remove("busy");
    node.removeAttribute("aria-busy");
    if (found?.answer) showAnswer(found.answer);
  } else if (kind === "url") {
    follow(button.url);
  } else if (kind === "copy_text") {
    toast((await copy(button.copy_text.text)) ? "Copied to the clipboard" : "The browser did not let this be copied");
  } else if (kind === "switch_inline_query_current_chat") {
    setComposer(`@${state.bot.username} ${button.switch_inline_query_current_chat}`);
  } else if (kind === "switch_inline_query") {
    state.sharing = button.switch_inline_query;
    $("app").dataset.view = "list";
    toast("Choose a chat");
  } else {
    toast("This kind of button works in Telegram only");
  }
}

async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    // Not every browser gives its clipboard to a page without https.
    const held = element("textarea", "held");
    held.value = text;
    document.body.append(held);
    held.select();
    const isCopied = document.execCommand("copy");
    held.remove();
    return isCopied;
  }
}

function showAnswer(answer) {
  if (answer.url) follow(answer.url);
  if (!answer.text) return;
  if (!answer.show_alert) return toast(answer.text);
  $("alert-text").textContent = answer.text;
  return $("alert").showModal();
}

// The payload of a link to this bot, or null.
function deepLink(url) {
  const parts = new URL(url, location.href);
  const name = parts.protocol === "tg:" ? parts.searchParams.get("domain") : parts.pathname.slice(1);
  const isOurs = ["t.me", "telegram.me"].includes(parts.hostname) || parts.protocol === "tg:";
  if (!isOurs || name?.toLowerCase() !== state.bot.username.toLowerCase()) return null;
  return parts.searchParams.get("start") ?? "";
}

function follow(url) {
  const payload = deepLink(url);
  if (payload === null) window.open(url, "_blank", "noopener,noreferrer");
  else startWith(payload);
}

async function startWith(payload) {
  openChat(state.me.id);
  if (payload) await send(`/start ${payload}`);
}

function onLink(event, link) {
  if (link.dataset.replyTo) {
    event.preventDefault();
    const target = $("messages").querySelector(`[data-message-id="${link.dataset.replyTo}"]`);
    target?.scrollIntoView({ block: "center", behavior: "smooth" });
    target?.classList.add("found");
    setTimeout(() => target?.classList.remove("found"), 1500);
  } else if (link.dataset.entity === "bot_command") {
    event.preventDefault();
    send(link.dataset.value);
  } else if (["mention", "hashtag", "cashtag", "text_mention"].includes(link.dataset.entity)) {
    event.preventDefault();
    if (link.dataset.entity === "mention") setComposer(`${link.dataset.value} `);
  } else if (["url", "text_link"].includes(link.dataset.entity) && deepLink(link.href) !== null) {
    event.preventDefault();
    startWith(deepLink(link.href));
  }
}

let toastTimer = 0;

function toast(text) {
  $("toast").textContent = text;
  $("toast").hidden = false;
  clearTimeout(toastTimer);
  toastTimer = setTimeout(() => ($("toast").hidden = true), 3500);
}

// Wiring

$("form").onsubmit = (event) => {
  event.preventDefault();
  submit();
};
$("composer").oninput = onInput;
$("composer").onkeydown = (event) => {
  const list = [$("inline-results"), $("commands")].find((one) => !one.hidden);
  if (list && moveIn(list, event)) return;
  if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
    event.preventDefault();
    submit();
  } else if (event.key === "Escape") {
    setContext(null);
  } else if (event.key === "ArrowUp" && !$("composer").value) {
    const own = [...$("messages").querySelectorAll(".out")].at(-1);
    if (own) setContext({ kind: "edit", message: own.message });
  }
};

// Arrows and Enter in an open list, without leaving the composer.
function moveIn(list, event) {
  const all = [...list.querySelectorAll("[role=option]")];
  const at = all.findIndex((one) => one.getAttribute("aria-selected") === "true");
  if (event.key === "Escape") list.hidden = true;
  else if (event.key === "Enter" || event.key === "Tab") all[Math.max(at, 0)]?.click();
  else if (event.key === "ArrowDown" || event.key === "ArrowUp") {
    const to = (at + (event.key === "ArrowDown" ? 1 : all.length - 1)) % all.length;
    all.forEach((one, index) => one.setAttribute("aria-selected", index === to));
    all[to].scrollIntoView({ block: "nearest" });
  } else return false;
  event.preventDefault();
  return true;
}

$("messages").onclick = (event) => {
  const found = (selector) => event.target.closest(selector);
  if (found(".button")) press(found(".button"));
  else if (found(".expand")) {
    const isOpen = found("blockquote").classList.toggle("open");
    found(".expand").setAttribute("aria-expanded", isOpen);
  } else if (found(".spoiler")) found(".spoiler").classList.add("seen");
  else if (found("[data-tool]")) {
    const { message } = found(".message");
    const marked = String(getSelection());
    const quote = marked && plain(message).includes(marked) ? marked : undefined;
    setContext({ kind: found("[data-tool]").dataset.tool, message, quote });
  } else if (found("a")) onLink(event, found("a"));
};
$("start").onclick = async () => {
  if (chat().bot_status === "kicked") await attempt(() => act("block", { from: state.me.id, is_blocked: false }));
  await send("/start");
};
$("context-cancel").onclick = () => {
  if (state.context?.kind === "edit") setComposer("");
  setContext(null);
};
$("menu").onclick = () => showCommands($("commands").hidden ? "" : null);
$("back").onclick = () => ($("app").dataset.view = "list");
$("attach").onclick = () => $("file").click();
$("file").onchange = async () => {
  const [file] = $("file").files;
  if (!file) return;
  const bytes = new Uint8Array(await file.arrayBuffer());
  let binary = "";
  for (let at = 0; at < bytes.length; at += 8192) binary += String.fromCharCode(...bytes.subarray(at, at + 8192));
  const kind = /^image\/(png|jpeg)$/.test(file.type) ? "photo" : "document";
  const mime = file.type || "application/octet-stream";
  await send($("composer").value, { [kind]: { name: file.name, mime, base64: btoa(binary) } });
  $("file").value = "";
  setComposer("");
};

addEventListener("resize", toBottom);

begin();
