// Bot API objects to elements. Every text goes in through textContent.

import { fileUrl } from "./api.js";

export function element(tag, className = "", text = null) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text !== null) made.textContent = text;
  return made;
}

export function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
  use.setAttribute("href", `#i-${name}`);
  svg.append(use);
  return svg;
}

export function avatar(into, name, id) {
  const letters = [...name.trim()].filter((_, at, all) => at === 0 || all[at - 1] === " ");
  into.textContent = letters.slice(0, 2).join("").toUpperCase();
  into.dataset.color = Math.abs(id) % 7;
  return into;
}

export const nameOf = (user) => [user.first_name, user.last_name].filter(Boolean).join(" ");

export const plain = (message) =>
  message.text ??
  (message.sticker
    ? `${message.sticker.emoji} Sticker`
    : message.caption ?? (message.photo ? "Photo" : message.document ? message.document.file_name : serviceText(message) ?? ""));

// Deep links travel as "/start payload"; people see the command alone.
const shownText = (message) => (message.text?.startsWith("/start ") ? "/start" : plain(message));

const INLINE = {
  bold: "strong",
  italic: "em",
  underline: "u",
  strikethrough: "s",
  code: "code",
  spoiler: "span",
  text_link: "a",
  url: "a",
  email: "a",
  mention: "a",
  text_mention: "a",
  hashtag: "a",
  cashtag: "a",
  bot_command: "a",
};
const BLOCKS = new Set(["blockquote", "expandable_blockquote", "pre"]);

// A text with its entities; offsets count UTF-16 units, as JavaScript's strings do.
export function formatted(text, entities = []) {
  const whole = element("div", "text");
  const blocks = entities.filter((one) => BLOCKS.has(one.type)).sort((a, b) => a.offset - b.offset);
  let at = 0;
  for (const block of blocks) {
    if (block.offset < at) continue;
    // The line break before and after a block is the block's own.
    const before = text[block.offset - 1] === "\n" ? block.offset - 1 : block.offset;
    if (before > at) whole.append(...paragraphs(text, at, before, entities));
    whole.append(blockElement(text, block, entities));
    at = block.offset + block.length;
    if (text[at] === "\n") at += 1;
  }
  if (at < text.length) whole.append(...paragraphs(text, at, text.length, entities));
  return whole;
}

function blockElement(text, block, entities) {
  const end = block.offset + block.length;
  if (block.type === "pre") {
    const pre = element("pre");
    pre.append(element("code", "", text.slice(block.offset, end)));
    return pre;
  }
  const quote = element("blockquote", block.type === "expandable_blockquote" ? "expandable" : "");
  quote.dir = direction(text.slice(block.offset, end));
  const body = element("div", "quote-body");
  body.append(...paragraphs(text, block.offset, end, entities));
  quote.append(body);
  if (block.type === "expandable_blockquote") {
    const toggle = element("button", "expand");
    toggle.type = "button";
    toggle.setAttribute("aria-label", "Show the whole quote");
    toggle.setAttribute("aria-expanded", "false");
    toggle.append(icon("chevron"));
    quote.append(toggle);
  }
  return quote;
}

// The way a text runs, by its first letter that has one; for what must know it as a whole.
function direction(text) {
  const first = text.match(/\p{L}/u)?.[0] ?? "";
  return /[\p{Script=Hebrew}\p{Script=Arabic}\p{Script=Syriac}\p{Script=Thaana}\p{Script=Nko}]/u.test(first) ? "rtl" : "ltr";
}

// Every line is a paragraph that runs its own way.
function paragraphs(text, start, end, entities) {
  const made = [];
  for (let at = start; at <= end; ) {
    const found = text.indexOf("\n", at);
    const stop = found === -1 || found > end ? end : found;
    const line = element("div", "paragraph");
    line.dir = "auto";
    line.append(stop > at ? inline(text, at, stop, entities) : document.createElement("br"));
    made.push(line);
    at = stop + 1;
  }
  return made;
}

function inline(text, start, end, entities) {
  const spans = entities.filter((one) => one.type in INLINE && one.offset < end && one.offset + one.length > start);
  const borders = new Set([start, end]);
  for (const one of spans) {
    borders.add(Math.max(one.offset, start));
    borders.add(Math.min(one.offset + one.length, end));
  }
  const piece = document.createDocumentFragment();
  const cuts = [...borders].sort((a, b) => a - b);
  for (let i = 0; i + 1 < cuts.length; i += 1) {
    const [left, right] = [cuts[i], cuts[i + 1]];
    let node = document.createTextNode(text.slice(left, right));
    const over = spans.filter((one) => one.offset <= left && one.offset + one.length >= right);
    for (const one of over.sort((a, b) => a.length - b.length)) {
      const wrap = inlineElement(one, text.slice(one.offset, one.offset + one.length));
      wrap.append(node);
      node = wrap;
    }
    piece.append(node);
  }
  return piece;
}

function inlineElement(one, covered) {
  const made = element(INLINE[one.type], one.type.replace("_", "-"));
  if (made.tagName !== "A") return made;
  made.dataset.entity = one.type;
  made.dataset.value = covered;
  const target = { text_link: one.url, url: covered, email: `mailto:${covered}` }[one.type];
  if (target) {
    made.href = safeUrl(target);
    made.target = "_blank";
    made.rel = "noopener noreferrer";
    if (one.type === "text_link") made.title = one.url;
  } else {
    made.href = "#";
  }
  return made;
}

// Only what a link may be: a script in a message is a text.
export function safeUrl(url) {
  const full = /^[a-z]+:/i.test(url) ? url : `http://${url}`;
  return /^(https?|mailto|tg):/i.test(full) ? full : "#";
}

// Shown in a group of its own, so that it is never taken for the message's own words.
function replyHeader(message) {
  const replied = message.reply_to_message;
  if (!replied) return null;
  const header = element("a", "reply-header");
  header.href = "#";
  header.dataset.replyTo = replied.message_id;
  header.append(element("b", "", nameOf(replied.from)));
  const quoted = element("span", message.quote ? "quoted" : "", message.quote?.text ?? shownText(replied));
  header.dir = direction(quoted.textContent);
  header.append(quoted);
  header.dataset.color = Math.abs(replied.from.id) % 7;
  return header;
}

function media(message) {
  if (message.photo) {
    const picture = element("img", "photo");
    const { width, height, file_id: id } = message.photo.at(-1);
    Object.assign(picture, { src: fileUrl(id), width, height, alt: message.caption ?? "Photo" });
    return picture;
  }
  if (message.sticker) return element("div", "sticker", message.sticker.emoji);
  if (!message.document) return null;
  const link = element("a", "document");
  link.href = fileUrl(message.document.file_id);
  link.download = message.document.file_name;
  const disc = element("span", "disc");
  disc.append(icon("file"));
  const names = element("span", "names");
  const name = element("b", "", message.document.file_name);
  name.dir = "auto";
  names.append(name, element("small", "", size(message.document.file_size)));
  link.append(disc, names);
  return link;
}

function size(bytes) {
  if (bytes < 1024) return `${bytes} B`;
  return bytes < 1024 ** 2 ? `${(bytes / 1024).toFixed(1)} KB` : `${(bytes / 1024 ** 2).toFixed(1)} MB`;
}

const KINDS = ["callback_data", "url", "copy_text", "switch_inline_query_current_chat", "switch_inline_query"];

function keyboard(markup) {
  const board = element("div", "keyboard");
  for (const row of markup.inline_keyboard) {
    const line = element("div", "row");
    for (const button of row) {
      const made = element("button", "button");
      made.type = "button";
      const label = element("span", "", button.text);
      label.dir = "auto";
      made.append(label);
      made.dataset.kind = KINDS.find((kind) => kind in button) ?? "other";
      made.button = button;
      if ("url" in button) made.append(icon("link"));
      if ("copy_text" in button) made.append(icon("copy"));
      line.append(made);
    }
    board.append(line);
  }
  return board;
}

export function serviceText(message) {
  const who = nameOf(message.from);
  if (message.new_chat_members) return `${who} added ${message.new_chat_members.map(nameOf).join(", ")}`;
  if (message.left_chat_member) return `${who} removed ${nameOf(message.left_chat_member)}`;
  if (message.forum_topic_created) return `${who} opened the topic “${message.forum_topic_created.name}”`;
  if (message.migrate_to_chat_id) return "This group was upgraded to a supergroup";
  if (message.migrate_from_chat_id) return "This group was upgraded from a basic group";
  return null;
}

export function messageElement(message, { me, isGroup }) {
  const item = element("li", "message");
  Object.assign(item.dataset, { messageId: message.message_id, chatId: message.chat.id });
  item.message = message;
  const service = serviceText(message);
  if (service) {
    item.classList.add("service");
    item.append(element("span", "", service));
    return item;
  }
  const isMine = message.from.id === me.id;
  item.classList.add(isMine ? "out" : "in");
  if (message.from.is_bot) item.classList.add("bot");
  item.tabIndex = -1;
  const column = element("div", "column");
  column.append(bubble(message, isMine, isGroup));
  if (message.reply_markup?.inline_keyboard) column.append(keyboard(message.reply_markup));
  if (isGroup && !isMine) item.append(avatar(element("div", "avatar small"), nameOf(message.from), message.from.id));
  item.append(column, tools(isMine && !message.via_bot && !message.forward_origin));
  return item;
}

function bubble(message, isMine, isGroup) {
  const box = element("div", "bubble");
  const content = media(message);
  if (isGroup && !isMine) {
    const author = element("b", "author", nameOf(message.from));
    author.dataset.color = Math.abs(message.from.id) % 7;
    box.append(author);
  }
  if (message.via_bot) box.append(element("span", "via", `via @${message.via_bot.username}`));
  if (message.forward_origin) {
    box.append(element("span", "via", `Forwarded from ${nameOf(message.forward_origin.sender_user)}`));
  }
  const header = replyHeader(message);
  if (header) box.append(header);
  if (content) box.append(content);
  if (message.photo || message.sticker) box.classList.add(message.photo ? "has-photo" : "bare");
  const text = message.text ?? message.caption;
  if (text !== undefined) {
    const shown = isMine ? shownText(message) : text;
    const entities = message.entities ?? message.caption_entities;
    const body = formatted(shown, shown === text ? entities : entities?.slice(0, 1));
    // Room for the time, which stands at the end of the last line.
    const last = body.lastElementChild;
    (last?.matches(".paragraph") ? last : body).append(element("span", isEdited(message) ? "room wide" : "room"));
    box.append(body);
  }
  box.append(meta(message, isMine));
  if (message.reactions?.length) box.append(element("span", "reactions", message.reactions.join("")));
  return box;
}

// A bot's edits are its way of turning pages: Telegram's clients say nothing of them.
const isEdited = (message) => Boolean(message.edit_date) && !message.from.is_bot && !message.via_bot;

function meta(message, isMine) {
  const line = element("span", "meta");
  if (isEdited(message)) line.append(element("span", "edited", "edited"));
  const time = element("time", "", clock(message.date));
  time.dateTime = new Date(message.date * 1000).toISOString();
  line.append(time);
  if (isMine) line.append(icon("ticks"));
  return line;
}

export const clock = (date) =>
  new Date(date * 1000).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", hour12: false });

function tools(canEdit) {
  const box = element("div", "tools");
  for (const [name, label, shown] of [
    ["reply", "Reply", true],
    ["edit", "Edit", canEdit],
  ]) {
    if (!shown) continue;
    const button = element("button", `icon ${name}`);
    button.type = "button";
    button.dataset.tool = name;
    button.setAttribute("aria-label", label);
    button.append(icon(name));
    box.append(button);
  }
  return box;
}
