// The chat page: the list of chats, the open chat, and the composer. Messages are sent as one of several users.

import { act, listen } from "./api.js";
import { avatar, clock, element, formattedText, messageElement, nameOf, plainText, serviceText } from "./render.js";

const $ = (id) => document.getElementById(id);
const TYPING_MS = 5000;
const ACTIONS = { upload_photo: "sending a photo", upload_document: "sending a file" };
const INLINE_DELAY_MS = 250;
const INLINE_TIMEOUT_SECONDS = 10;
const CALLBACK_TIMEOUT_SECONDS = 15;
const TOAST_MS = 3500;
const HIGHLIGHT_MS = 1500;
const NEAR_BOTTOM_PX = 160;
const MAX_COMPOSER_PX = 160;

const state = {
  bot: null,
  me: null,
  users: [],
  chats: new Map(),
  messages: new Map(),
  unread: new Map(),
  openId: null,
  typing: new Map(),
  isConnected: false,
  context: null,
  inline: null,
  sharedQuery: null,
  commands: [],
};

const openedChat = () => state.chats.get(state.openId);
const isGroup = (chat) => chat.type !== "private";
const myChats = () => [...state.chats.values()].filter((chat) => chat.members.some((user) => user.id === state.me.id));
const avatarId = (chat) => (isGroup(chat) ? chat.id : state.bot.id);
const titleOf = (chat) => (isGroup(chat) ? chat.title : nameOf(state.bot));

// Returns the result of the action, or null after showing its error.
async function attempt(action) {
  try {
    return await action();
  } catch (error) {
    toast(error.message);
    return null;
  }
}

// Start

async function begin() {
  const initial = await act("state");
  state.bot = initial.bot;
  state.users = initial.users;
  state.isConnected = initial.is_connected;
  document.title = nameOf(initial.bot);
  for (const chat of initial.chats) await addChat(chat);
  const savedId = Number(sessionStorage.getItem("me"));
  switchUser(state.users.find((user) => user.id === savedId) ?? state.users[0]);
  showConnection(initial.is_connected);
  listen(initial.last_event, onEvents, () => showConnection(false));
}

async function addChat(chat) {
  const isKnown = state.chats.has(chat.id);
  state.chats.set(chat.id, chat);
  if (isKnown) return;
  const { messages } = await act("messages", { chat_id: chat.id });
  state.messages.set(chat.id, new Map(messages.map((message) => [message.message_id, message])));
}

function switchUser(user) {
  if (!user) return;
  state.me = user;
  sessionStorage.setItem("me", user.id);
  showAccounts();
  const target = state.openId && myChats().some((chat) => chat.id === state.openId) ? state.openId : user.id;
  openChat(target, { keepView: $("app").dataset.view === "list" });
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
  const knownIds = state.users.map((user) => user.id);
  const newUsers = changed.members.filter((user) => !knownIds.includes(user.id));
  state.users.push(...newUsers);
  await addChat(changed);
  if (!state.me && state.users.length) switchUser(state.users[0]);
  if (!state.me) return;
  if (newUsers.length) showAccounts();
  showChats();
  if (changed.id === state.openId) showControls();
}

function onMessage({ kind, chat_id: id, message }) {
  const messages = state.messages.get(id);
  if (!messages || !state.me) return;
  const isNew = !messages.has(message.message_id);
  messages.set(message.message_id, message);
  const chat = state.chats.get(id);
  if (chat.type === "private" && !message.from.is_bot) chat.is_started = true;
  if (message.from.is_bot && kind === "message") state.typing.delete(id);
  if (id === state.openId) {
    showMessage(message, isNew);
    showControls();
  } else if (isNew && message.from.id !== state.me.id) {
    state.unread.set(id, (state.unread.get(id) ?? 0) + 1);
  }
  showChats();
}

function onDeleted({ chat_id: id, message_id: messageId }) {
  state.messages.get(id)?.delete(messageId);
  if (id === state.openId) $("messages").querySelector(`[data-message-id="${messageId}"]`)?.remove();
  showChats();
}

function onAction({ chat_id: id, action }) {
  state.typing.set(id, { until: Date.now() + TYPING_MS, action });
  showStatus();
  setTimeout(showStatus, TYPING_MS + 50);
}

// Rendering

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
      button.setAttribute("aria-label", `Send as ${nameOf(user)}`);
      button.append(avatar(element("span", "avatar small"), nameOf(user), user.id), element("span", "", user.first_name));
      button.onclick = () => switchUser(user);
      return button;
    }),
  );
}

function showChats() {
  const lastMessage = (chat) => [...(state.messages.get(chat.id)?.values() ?? [])].at(-1);
  const chats = myChats().sort((a, b) => isGroup(a) - isGroup(b) || b.id - a.id);
  $("chats").replaceChildren(
    ...chats.map((chat) => {
      const button = element("button", "chat");
      button.dataset.chatId = chat.id;
      button.setAttribute("aria-current", chat.id === state.openId);
      const message = lastMessage(chat);
      const sender = message && isGroup(chat) && !serviceText(message) ? `${message.from.first_name}: ` : "";
      const text = message ? sender + plainText(message).replaceAll("\n", " ") : "No messages yet";
      const names = element("span", "names");
      const title = element("b", "", titleOf(chat));
      const preview = element("small", "", text);
      title.dir = preview.dir = "auto";
      names.append(title, preview);
      const side = element("span", "side");
      if (message) side.append(element("time", "", clock(message.date)));
      if (state.unread.get(chat.id)) side.append(element("span", "unread", state.unread.get(chat.id)));
      button.append(avatar(element("span", "avatar"), titleOf(chat), avatarId(chat)), names, side);
      button.onclick = () => chooseChat(chat.id);
      const item = element("li");
      item.append(button);
      return item;
    }),
  );
}

function chooseChat(id) {
  openChat(id);
  if (state.sharedQuery === null) return;
  setComposer(`@${state.bot.username} ${state.sharedQuery}`);
  state.sharedQuery = null;
}

function openChat(id, { keepView = false } = {}) {
  if (state.openId !== id) {
    $("composer").value = "";
    onInput();
  }
  state.openId = id;
  state.unread.delete(id);
  setContext(null);
  closeInline();
  if (!keepView) $("app").dataset.view = "chat";
  const chat = openedChat();
  $("chat-title").textContent = titleOf(chat);
  avatar($("chat-avatar"), titleOf(chat), avatarId(chat));
  const messages = [...state.messages.get(id).values()];
  $("messages").replaceChildren(...messages.map(buildMessage));
  groupMessages();
  showChats();
  showControls();
  loadCommands();
  scrollToBottom();
}

const buildMessage = (message) => messageElement(message, { me: state.me, isGroup: isGroup(openedChat()) });

function showMessage(message, isNew) {
  const isNearBottom =
    $("scroll").scrollHeight - $("scroll").scrollTop - $("scroll").clientHeight < NEAR_BOTTOM_PX;
  const old = $("messages").querySelector(`[data-message-id="${message.message_id}"]`);
  if (old) {
    old.replaceWith(buildMessage(message));
  } else if (isNew) {
    const item = buildMessage(message);
    item.classList.add("new");
    $("messages").append(item);
  }
  groupMessages();
  if (isNearBottom || message.from.id === state.me.id) scrollToBottom();
}

// Consecutive messages of one sender have less space between them, and only the last has a tail.
function groupMessages() {
  const items = [...$("messages").children];
  items.forEach((item, index) => {
    const next = items[index + 1];
    const isSameSender = next && !item.classList.contains("service") && !next.classList.contains("service")
      && next.message.from.id === item.message.from.id;
    item.classList.toggle("grouped", Boolean(isSameSender));
  });
}

const scrollToBottom = () => requestAnimationFrame(() => ($("scroll").scrollTop = $("scroll").scrollHeight));

function showStatus() {
  if (!state.openId) return;
  const chat = openedChat();
  const { until = 0, action } = state.typing.get(chat.id) ?? {};
  const isTyping = until > Date.now();
  const doing = ACTIONS[action] ?? action;
  $("chat-status").classList.toggle("typing", isTyping);
  if (isTyping) $("chat-status").textContent = isGroup(chat) ? `${state.bot.first_name} is ${doing}` : doing;
  else if (isGroup(chat)) $("chat-status").textContent = `${chat.members.length + (chat.bot_status === "member")} members`;
  else $("chat-status").textContent = state.isConnected ? "bot" : "waiting for the bot to connect…";
}

async function showControls() {
  const chat = openedChat();
  const isEmpty = !isGroup(chat) && !chat.is_started;
  const isBlocked = !isGroup(chat) && chat.bot_status === "kicked";
  $("start").hidden = !(isEmpty || isBlocked);
  $("start").textContent = isBlocked ? "UNBLOCK" : "START";
  $("form").hidden = !$("start").hidden;
  $("menu").hidden = isGroup(chat) || !state.commands.length;
  $("composer").placeholder = isGroup(chat) ? `Message as ${state.me.first_name}` : "Message";
  showIntro(isEmpty);
  showStatus();
}

function showIntro(isEmpty) {
  $("intro").hidden = !isEmpty;
  if (!isEmpty) return;
  const picture = avatar(element("div", "avatar big"), nameOf(state.bot), state.bot.id);
  const title = element("h2", "", state.description ? "What can this bot do?" : nameOf(state.bot));
  const body = state.description ? formattedText(state.description) : element("p", "text", "Press START to begin.");
  $("intro").replaceChildren(picture, title, body);
}

async function loadCommands() {
  if (!state.openId) return;
  const answer = await act("commands", { chat_id: state.openId, language_code: state.me.language_code });
  state.commands = answer.commands;
  state.description = answer.description;
  showControls();
}

// Composer

async function send(text, fields = {}) {
  const sent = await attempt(() => act("send", { chat_id: state.openId, from: state.me.id, text, ...fields }));
  return sent !== null;
}

function replyFields() {
  const { context } = state;
  return context?.kind === "reply" ? { reply_to: context.message.message_id, quote: context.quote } : {};
}

// Sends files as Telegram's clients do: several are an album, and the caption belongs to the first.
async function sendFiles(files) {
  const album = files.length > 1 ? { media_group_id: String(Date.now()) } : {};
  let caption = $("composer").value;
  for (const file of files) {
    const bytes = new Uint8Array(await file.arrayBuffer());
    let binary = "";
    for (let at = 0; at < bytes.length; at += 8192) binary += String.fromCharCode(...bytes.subarray(at, at + 8192));
    const kind = /^image\/(png|jpeg)$/.test(file.type) ? "photo" : "document";
    const mime = file.type || "application/octet-stream";
    const content = { [kind]: { name: file.name, mime, base64: btoa(binary) } };
    if (!(await send(caption, { ...content, ...album, ...replyFields() }))) return;
    caption = "";
  }
  setContext(null);
  setComposer("");
}

async function submit() {
  const text = $("composer").value;
  if (!text.trim() || (state.inline && text.startsWith(`@${state.bot.username} `))) return;
  const { context } = state;
  const done = context?.kind === "edit"
    ? await attempt(() => act("edit", { chat_id: state.openId, message_id: context.message.message_id, text }))
    : await send(text, replyFields());
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
  $("context-text").textContent = context.quote ?? plainText(context.message);
  $("context").querySelector("use").setAttribute("href", context.kind === "edit" ? "#i-edit" : "#i-reply");
  if (context.kind === "edit") setComposer(plainText(context.message));
  $("composer").focus();
}

function onInput() {
  const composer = $("composer");
  composer.style.height = "auto";
  composer.style.height = `${Math.min(composer.scrollHeight, MAX_COMPOSER_PX)}px`;
  $("send").classList.toggle("ready", Boolean(composer.value.trim()));
  showCommands(/^\/\w*$/.test(composer.value) ? composer.value.slice(1) : null);
  scheduleInlineQuery(composer.value);
}

// Lists the commands that begin with the prefix; null hides the list.
function showCommands(prefix) {
  const commands = prefix === null ? [] : state.commands.filter(({ command }) => command.startsWith(prefix));
  $("commands").hidden = !commands.length;
  $("menu").setAttribute("aria-expanded", Boolean(commands.length));
  $("commands").replaceChildren(
    ...commands.map(({ command, description }, index) => {
      const item = option(index, "command");
      item.dataset.command = command;
      const details = element("small", "", description);
      details.dir = "auto";
      item.append(element("b", "", `/${command}`), details);
      item.onclick = () => {
        setComposer(isGroup(openedChat()) ? `/${command}@${state.bot.username}` : `/${command}`);
        submit();
      };
      return item;
    }),
  );
}

function option(index, className) {
  const item = element("li", className);
  item.setAttribute("role", "option");
  item.setAttribute("aria-selected", index === 0);
  return item;
}

// Inline mode

let inlineTimer = 0;

function scheduleInlineQuery(text) {
  clearTimeout(inlineTimer);
  const start = `@${state.bot.username} `;
  if (!text.toLowerCase().startsWith(start.toLowerCase())) return closeInline();
  inlineTimer = setTimeout(() => loadInlineResults(text.slice(start.length)), INLINE_DELAY_MS);
  return undefined;
}

function closeInline() {
  state.inline = null;
  $("inline-results").hidden = true;
}

async function loadInlineResults(query, offset = "") {
  const chatId = state.openId;
  const body = { chat_id: chatId, from: state.me.id, query, offset, timeout: INLINE_TIMEOUT_SECONDS };
  const current = (state.inline = { query });
  const response = await attempt(() => act("inline", body));
  // The answer is dropped if the text or the chat has changed in the meantime.
  if (state.inline !== current || state.openId !== chatId || !response?.answer) return;
  const { results, next_offset: next, button } = response.answer;
  const items = results.map((result, index) => inlineItem(response.query_id, result, offset ? index + 1 : index));
  if (button) items.unshift(inlineButton(button));
  if (!items.length) items.push(element("li", "no-results", "No results"));
  if (offset) $("inline-results").append(...items);
  else $("inline-results").replaceChildren(...items);
  $("inline-results").hidden = false;
  if (next) $("inline-results").append(moreItem(query, next));
}

function inlineItem(queryId, result, index) {
  const item = option(index, "inline-result");
  item.dataset.resultId = result.id;
  const names = element("span", "names");
  const title = element("b", "", result.title ?? result.type);
  const details = element("small", "", result.description ?? result.caption ?? "");
  title.dir = details.dir = "auto";
  names.append(title, details);
  item.append(avatar(element("span", "avatar square"), result.title ?? "?", index + 3), names);
  item.onclick = async () => {
    const body = { query_id: queryId, result_id: result.id, chat_id: state.openId };
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
    loadInlineResults(query, next);
  };
  // The next page loads when the end of this one is scrolled into view.
  const observer = new IntersectionObserver(
    (entries) => {
      if (!entries.some((entry) => entry.isIntersecting)) return;
      observer.disconnect();
      if (item.isConnected) item.click();
    },
    { root: $("inline-results") },
  );
  observer.observe(item);
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
    const body = { chat_id: state.openId, message_id: message.message_id, from: state.me.id, data: button.callback_data };
    const response = await attempt(() => act("press", { ...body, timeout: CALLBACK_TIMEOUT_SECONDS }));
    node.classList.remove("busy");
    node.removeAttribute("aria-busy");
    if (response?.answer) showAnswer(response.answer);
  } else if (kind === "url") {
    follow(button.url);
  } else if (kind === "copy_text") {
    toast((await copy(button.copy_text.text)) ? "Copied to the clipboard" : "The browser denied access to the clipboard");
  } else if (kind === "switch_inline_query_current_chat") {
    setComposer(`@${state.bot.username} ${button.switch_inline_query_current_chat}`);
  } else if (kind === "switch_inline_query") {
    state.sharedQuery = button.switch_inline_query;
    $("app").dataset.view = "list";
    toast("Choose a chat");
  } else {
    toast("This kind of button works only in Telegram");
  }
}

async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    // The Clipboard API may be missing on a page without https.
    const source = element("textarea", "copy-source");
    source.value = text;
    document.body.append(source);
    source.select();
    const isCopied = document.execCommand("copy");
    source.remove();
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

// Returns the payload of a link to this bot, or null for any other link.
function deepLink(url) {
  const parts = new URL(url, location.href);
  const name = parts.protocol === "tg:" ? parts.searchParams.get("domain") : parts.pathname.slice(1);
  const isTelegramLink = ["t.me", "telegram.me"].includes(parts.hostname) || parts.protocol === "tg:";
  if (!isTelegramLink || name?.toLowerCase() !== state.bot.username.toLowerCase()) return null;
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
    target?.classList.add("highlighted");
    setTimeout(() => target?.classList.remove("highlighted"), HIGHLIGHT_MS);
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
  toastTimer = setTimeout(() => ($("toast").hidden = true), TOAST_MS);
}

// Event handlers

$("form").onsubmit = (event) => {
  event.preventDefault();
  submit();
};
$("composer").oninput = onInput;
$("composer").onkeydown = (event) => {
  const list = [$("inline-results"), $("commands")].find((element) => !element.hidden);
  if (list && onListKey(list, event)) return;
  if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
    event.preventDefault();
    submit();
  } else if (event.key === "Escape") {
    setContext(null);
  } else if (event.key === "ArrowUp" && !$("composer").value) {
    const lastSent = [...$("messages").querySelectorAll(".out")].at(-1);
    if (lastSent) setContext({ kind: "edit", message: lastSent.message });
  }
};

// Handles arrows, Enter, Tab and Escape in an open list while the focus stays in the composer.
// Returns whether the key was handled.
function onListKey(list, event) {
  const options = [...list.querySelectorAll("[role=option]")];
  const selected = options.findIndex((option) => option.getAttribute("aria-selected") === "true");
  if (event.key === "Escape") list.hidden = true;
  else if (event.key === "Enter" || event.key === "Tab") options[Math.max(selected, 0)]?.click();
  else if (event.key === "ArrowDown" || event.key === "ArrowUp") {
    const next = (selected + (event.key === "ArrowDown" ? 1 : options.length - 1)) % options.length;
    options.forEach((option, index) => option.setAttribute("aria-selected", index === next));
    options[next].scrollIntoView({ block: "nearest" });
  } else return false;
  event.preventDefault();
  return true;
}

$("messages").onclick = (event) => {
  const closest = (selector) => event.target.closest(selector);
  if (closest(".button")) press(closest(".button"));
  else if (closest(".expand")) {
    const isOpen = closest("blockquote").classList.toggle("open");
    closest(".expand").setAttribute("aria-expanded", isOpen);
  } else if (closest(".spoiler")) closest(".spoiler").classList.add("seen");
  else if (closest("[data-tool]")) {
    const { message } = closest(".message");
    const selection = String(getSelection());
    const quote = selection && plainText(message).includes(selection) ? selection : undefined;
    setContext({ kind: closest("[data-tool]").dataset.tool, message, quote });
  } else if (closest("a")) onLink(event, closest("a"));
};
$("start").onclick = async () => {
  if (openedChat().bot_status === "kicked") await attempt(() => act("block", { from: state.me.id, is_blocked: false }));
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
  const files = [...$("file").files];
  $("file").value = "";
  if (files.length) await sendFiles(files);
};

addEventListener("resize", scrollToBottom);

begin();
