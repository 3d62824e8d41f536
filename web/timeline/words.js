// Everything the strip says, in three languages.

/** @typedef {typeof en} Words */

const en = {
  strip: "Timeline",
  play: "Play a preview at the clip's speed (space)",
  pause: "Pause (space)",
  /** @type {(frame: number, seconds: string) => string} */
  time: (frame, seconds) => `${frame} · ${seconds} s`,
  length: "Length in frames; empty: the release's default",
  fps: "Frames per second; empty: the release's default",
  frames: "f",
  fpsUnit: "fps",
  addImages: "Add drawings",
  addPrompt: "Add a prompt for a part of the clip",
  undo: "Undo (ctrl+z)",
  redo: "Redo (ctrl+shift+z)",
  zoomIn: "Zoom in (ctrl+wheel)",
  zoomOut: "Zoom out (ctrl+wheel)",
  preview: "Preview at the playhead",
  playhead: "Playhead",
  /** @type {(label: string, frame: number) => string} */
  keyframe: (label, frame) => `Keyframe ${label}, frame ${frame}`,
  /** @type {(text: string) => string} */
  segment: (text) => `Prompt ${text || "(empty)"}`,
  linked: "from an AniSora Keyframe node; changes here change the node",
  locked: "set by a connected node",
  textLinked: "A connected node gives the timeline as text; what is shown here is not used",
  /** @type {(names: string) => string} */
  unknown: (names) => `Set by a connected node, known in a run: ${names}`,
  position: "Position",
  positionTip: "A frame (12), seconds (0.5s), per cent (50%), first or last",
  strength: "Strength",
  strengthTip: "1: the frame matches the drawing; lower: followed more loosely",
  remove: "Remove (delete)",
  prompt: "Prompt",
  promptHint: "What happens in this part",
  promptTip: "Enter: done; shift+Enter: a new line",
  /** @type {(a: string, b: string) => string} */
  fromTo: (a, b) => `${a} to ${b} s`,
  empty: "Drop drawings here",
  emptyMore: "from your disk, the input folder or other nodes",
  promptsEmpty: "Double-click: a prompt for a part of the clip",
  /** @type {(release: string, multiple: number | null) => string} */
  grid: (release, multiple) =>
    multiple === null
      ? `${release}: one drawing, on the first frame`
      : multiple === 1
        ? `${release}: keyframes on any frame`
        : `${release}: keyframes on every ${multiple}th frame`,
  /** @type {(keys: number, frames: number, seconds: string) => string} */
  counts: (keys, frames, seconds) => `${keys} keyframe${keys === 1 ? "" : "s"} · ${frames} frames · ${seconds} s`,
  keys: "← → move · shift 5 steps · ↑ ↓ select · del remove",
  /** @type {(from: number, to: number) => string} */
  snapped: (from, to) => `${from} → ${to}`,
  /** @type {(from: number, to: number, release: string) => string} */
  movedTo: (from, to, release) => `Frame ${from} is moved to ${to}, on the keyframe grid of ${release}`,
  /** @type {(from: number, to: number, multiple: number) => string} */
  lengthSnapped: (from, to, multiple) => `Length ${from} → ${to}: must be 1 + a multiple of ${multiple}`,
  /** @type {(length: number, use: number) => string} */
  lengthWrong: (length, use) => `Length ${length} does not fit this release; use ${use}`,
  /** @type {(position: string, frames: number) => string} */
  outside: (position, frames) => `“${position}” is not a position in this clip (frames 0 to ${frames - 1})`,
  /** @type {(frame: number) => string} */
  doubled: (frame) => `Two keyframes on frame ${frame}; move one`,
  segmentOutside: "A prompt lies outside the clip; move it",
  /** @type {(label: string) => string} */
  missing: (label) => `${label} is not in the input folder`,
  /** @type {(label: string) => string} */
  damaged: (label) => `${label} cannot be read as a picture; it may be damaged`,
  keepLinked: "This keyframe comes from an AniSora Keyframe node; remove that node",
  noPlace: "No frame is free for another keyframe",
  /** @type {(count: number) => string} */
  storing: (count) => `Saving ${count} drawing${count === 1 ? "" : "s"}…`,
  /** @type {(reason: string) => string} */
  failed: (reason) => `Not added: ${reason}`,
  unreadable: "timeline_json cannot be read; editing here replaces it",
  search: "Search",
  fromDisk: "From disk…",
  fromNodes: "Nodes of this workflow (stay connected)",
  fromInput: "Input folder",
  nothing: "No pictures there yet",
  /** @type {(count: number) => string} */
  place: (count) => (count ? `Place ${count}` : "Place"),
  close: "Close",
};

/** @type {Words} */
const zh = {
  ...en,
  strip: "时间轴",
  play: "按片段的速度播放预览（空格）",
  pause: "暂停（空格）",
  time: (frame, seconds) => `${frame} · ${seconds} 秒`,
  length: "帧数；留空用该版本的默认值",
  fps: "每秒帧数；留空用该版本的默认值",
  frames: "帧",
  addImages: "添加画稿",
  addPrompt: "为片段的一部分添加提示词",
  undo: "撤销 (ctrl+z)",
  redo: "重做 (ctrl+shift+z)",
  zoomIn: "放大（ctrl+滚轮）",
  zoomOut: "缩小（ctrl+滚轮）",
  preview: "播放头处的预览",
  playhead: "播放头",
  keyframe: (label, frame) => `关键帧 ${label}，第 ${frame} 帧`,
  segment: (text) => `提示词 ${text || "（空）"}`,
  linked: "来自 AniSora 关键帧节点；在此修改会同步到该节点",
  locked: "由其他节点设定",
  textLinked: "时间轴文本由连接的节点给出；这里显示的不会使用",
  unknown: (names) => `由连接的节点设定，运行时才知道：${names}`,
  position: "位置",
  positionTip: "帧 (12)、秒 (0.5s)、百分比 (50%)、first 或 last",
  strength: "强度",
  strengthTip: "1：该帧与画稿一致；越小，遵循得越松",
  remove: "删除 (delete)",
  prompt: "提示词",
  promptHint: "这里发生什么",
  promptTip: "Enter：完成；shift+Enter：换行",
  fromTo: (a, b) => `${a} 到 ${b} 秒`,
  empty: "把画稿拖到这里",
  emptyMore: "来自磁盘、input 文件夹或其他节点",
  promptsEmpty: "双击：为片段的一部分写提示词",
  grid: (release, multiple) =>
    multiple === null
      ? `${release}：只取第一帧的一张画稿`
      : multiple === 1
        ? `${release}：关键帧可在任意帧`
        : `${release}：关键帧在 ${multiple} 的倍数帧`,
  counts: (keys, frames, seconds) => `${keys} 个关键帧 · ${frames} 帧 · ${seconds} 秒`,
  keys: "← → 移动 · shift 5 步 · ↑ ↓ 选择 · del 删除",
  movedTo: (from, to, release) => `第 ${from} 帧移到 ${to}：${release} 的关键帧网格`,
  lengthSnapped: (from, to, multiple) => `帧数 ${from} → ${to}：1 加 ${multiple} 的倍数`,
  lengthWrong: (length, use) => `帧数 ${length} 不适合该版本；请用 ${use}`,
  outside: (position, frames) => `“${position}” 不在片段内（第 0 到 ${frames - 1} 帧）`,
  doubled: (frame) => `第 ${frame} 帧有两个关键帧；请移动其一`,
  segmentOutside: "有提示词在片段之外；请移动它",
  missing: (label) => `input 文件夹里没有 ${label}`,
  damaged: (label) => `无法把 ${label} 读作图片；文件可能已损坏`,
  keepLinked: "该关键帧来自节点；请在节点处删除",
  noPlace: "没有空闲的帧可放关键帧",
  storing: (count) => `正在保存 ${count} 张画稿…`,
  failed: (reason) => `未添加：${reason}`,
  unreadable: "无法读取 timeline_json；在此编辑会替换它",
  search: "搜索",
  fromDisk: "从磁盘…",
  fromNodes: "本工作流的节点（保持连接）",
  fromInput: "input 文件夹",
  nothing: "还没有图片",
  place: (count) => (count ? `放置 ${count} 张` : "放置"),
  close: "关闭",
};

/** @type {Words} */
const ja = {
  ...en,
  strip: "タイムライン",
  play: "クリップの速さでプレビューを再生（スペース）",
  pause: "一時停止（スペース）",
  time: (frame, seconds) => `${frame} · ${seconds} 秒`,
  length: "フレーム数。空欄はリリースの既定値",
  fps: "毎秒フレーム数。空欄はリリースの既定値",
  addImages: "原画を追加",
  addPrompt: "クリップの一部にプロンプトを追加",
  undo: "元に戻す (ctrl+z)",
  redo: "やり直す (ctrl+shift+z)",
  zoomIn: "拡大（ctrl+ホイール）",
  zoomOut: "縮小（ctrl+ホイール）",
  preview: "再生ヘッド位置のプレビュー",
  playhead: "再生ヘッド",
  keyframe: (label, frame) => `キーフレーム ${label}、${frame} フレーム`,
  segment: (text) => `プロンプト ${text || "（空）"}`,
  linked: "AniSora キーフレームノードから。ここでの編集はノードに反映",
  locked: "別のノードが設定",
  textLinked: "つながれたノードがタイムラインをテキストで渡します。ここの表示は使われません",
  unknown: (names) => `つながれたノードが設定し、実行時に決まります：${names}`,
  position: "位置",
  positionTip: "フレーム (12)、秒 (0.5s)、パーセント (50%)、first、last",
  strength: "強さ",
  strengthTip: "1：フレームは原画のとおり。小さいほど原画から離れてよい",
  remove: "削除 (delete)",
  prompt: "プロンプト",
  promptHint: "ここで起きること",
  promptTip: "Enter：完了。shift+Enter：改行",
  fromTo: (a, b) => `${a} から ${b} 秒`,
  empty: "ここに原画をドロップ",
  emptyMore: "ディスク、input フォルダ、ほかのノードから",
  promptsEmpty: "ダブルクリック：クリップの一部のプロンプト",
  grid: (release, multiple) =>
    multiple === null
      ? `${release}：最初のフレームに原画 1 枚`
      : multiple === 1
        ? `${release}：どのフレームにも置けます`
        : `${release}：${multiple} フレームごとに置けます`,
  counts: (keys, frames, seconds) => `キーフレーム ${keys} · ${frames} フレーム · ${seconds} 秒`,
  keys: "← → 移動 · shift 5 歩 · ↑ ↓ 選択 · del 削除",
  movedTo: (from, to, release) => `${from} フレームは ${to} へ：${release} のキーフレームのグリッド`,
  lengthSnapped: (from, to, multiple) => `長さ ${from} → ${to}：1 + ${multiple} の倍数`,
  lengthWrong: (length, use) => `長さ ${length} はこのリリースに合いません。${use} に`,
  outside: (position, frames) => `「${position}」はクリップの外です（0〜${frames - 1} フレーム）`,
  doubled: (frame) => `${frame} フレームにキーフレームが 2 つ。片方を移動`,
  segmentOutside: "クリップの外にプロンプトがあります。移動してください",
  missing: (label) => `input フォルダに ${label} がありません`,
  damaged: (label) => `${label} を画像として読めません。壊れているかもしれません`,
  keepLinked: "このキーフレームはノードから来ています。ノード側で削除",
  noPlace: "キーフレームを置ける空きがありません",
  storing: (count) => `原画 ${count} 枚を保存中…`,
  failed: (reason) => `追加できません：${reason}`,
  unreadable: "timeline_json を読めません。ここで編集すると置き換わります",
  search: "検索",
  fromDisk: "ディスクから…",
  fromNodes: "このワークフローのノード（リンクのまま）",
  fromInput: "input フォルダ",
  nothing: "画像がまだありません",
  place: (count) => (count ? `${count} 枚を配置` : "配置"),
  close: "閉じる",
};

/**
 * @param {string} locale such as "zh-TW"
 * @returns {Words}
 */
export function wordsFor(locale) {
  return new Map(Object.entries({ zh, ja })).get(locale.slice(0, 2).toLowerCase()) ?? en;
}
